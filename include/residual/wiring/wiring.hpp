#pragma once

#include <tuple>

#include "residual/wiring/sublayers.hpp"

namespace residual {

/// A residual scheme: y = w(x_0) over the sub-layers f_1 .. f_N of a stack. It is written as a layer is:
///
///     Params, Params::carve(ParamListing<S>&, w)    what it owns at sub-layers, blocks or a single time, each field once
///     Tape, Tape::carve(TapeListing<S>&, w)         what it keeps for backward
///     forward (p, t, f, x0, y)                      its formula, with the loop over f.sites()
///     backward(p, t, f, x0, dy, dx0, g)             adds to dx0 and g, with the loop over f.sites_backwards()
///     dim()                                         the width
///     streams()                                     how many streams it takes from f in forward; left out: 1
///     check()                                       throws when a field cannot be; norms are checked where they are listed
///     norms()                                       std::tie of its norms; left out: their biases cannot be left out
///
/// In inference y may be x0's memory: y is written when x0 is not needed any more. Check a new one with gradient_check.
template <class W>
concept Wiring = std::equality_comparable<W> &&
    requires(const W& w, typename W::Params& g, const typename W::Params& p, typename W::Tape& t,
             const typename W::Tape& kept, Sublayers<typename W::Scalar>& f, ParamListing<typename W::Scalar>& params,
             TapeListing<typename W::Scalar>& tapes, In<typename W::Scalar> in, Out<typename W::Scalar> out) {
  { w.dim() } -> std::convertible_to<Index>;
  g.carve(params, w);
  t.carve(tapes, w);
  w.forward(p, t, f, in, out);
  w.backward(p, kept, f, in, in, out, g);
};

/// Whether a scheme lists what it owns.
template <class W>
concept ListsParams = requires {
  typename W::Params;
}
&&requires(typename W::Params& p, ParamListing<typename W::Scalar>& list, const W& w) { p.carve(list, w); };
/// Whether a scheme lists what it keeps for backward.
template <class W>
concept ListsTape = requires {
  typename W::Tape;
}
&&requires(typename W::Tape& t, TapeListing<typename W::Scalar>& list, const W& w) { t.carve(list, w); };

/// True, or fails to compile with the line to add to W.
template <class W>
constexpr bool is_wiring() {
  static_assert(
      requires { typename W::Scalar; }, "A residual scheme must say what it computes with: add `using Scalar = S;`.");
  using S = typename W::Scalar;
  static_assert(std::equality_comparable<W>,
                "A residual scheme must be comparable: add `bool operator==(const Scheme&) const = default;`.");
  static_assert(
      requires(const W& w) {
        { w.dim() } -> std::convertible_to<Index>;
      },
      "A residual scheme must say how wide its streams are: add `Index dim() const`.");
  static_assert(
      ListsParams<W>,
      "A residual scheme must list its parameters: add `struct Params` with `void carve(ParamListing<S>& list, "
      "const Scheme& w)`, empty if it has none.");
  static_assert(ListsTape<W>,
                "A residual scheme must list what it keeps for backward: add `struct Tape` with `void "
                "carve(TapeListing<S>& list, const Scheme& w)`, empty if it keeps nothing.");
  static_assert(
      requires(const W& w, const typename W::Params& p, typename W::Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) {
        w.forward(p, t, f, x0, y);
      },
      "A residual scheme must compute y: add `void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, "
      "Out<S> y) const`.");
  static_assert(
      requires(const W& w, const typename W::Params& p, const typename W::Tape& t, Sublayers<S>& f, In<S> x0, In<S> dy,
               Out<S> dx0, typename W::Params& g) { w.backward(p, t, f, x0, dy, dx0, g); },
      "A residual scheme must have a gradient: add `void backward(const Params& p, const Tape& t, Sublayers<S>& f, "
      "In<S> x0, In<S> dy, Out<S> dx0, Params& g) const`.");
  return true;
}

/// How many streams the scheme takes in forward.
template <Wiring W>
Index stream_count(const W& scheme) {
  if constexpr (requires { scheme.streams(); }) return scheme.streams();
  return 1;
}

/// The scheme, whose norms have no biases. Throws when it does not say which norms it has.
template <Wiring W>
W without_bias(W scheme) {
  if constexpr (requires { scheme.without_bias(); }) {
    return scheme.without_bias();
  } else if constexpr (requires { scheme.norms(); }) {
    const auto drop = [](auto& norm) {
      if constexpr (requires { norm.without_bias(); }) {
        norm = norm.without_bias();
      } else if constexpr (requires { norm.bias; }) {
        norm.bias = false;
      }
    };
    std::apply([&](auto&... norms) { (drop(norms), ...); }, scheme.norms());
  } else {
    expect(false,
           "The residual scheme does not say which norms it has, so their biases cannot be left out; add `auto "
           "norms() { return std::tie(norm, last); }` to it.");
  }
  return scheme;
}

}  // namespace residual
