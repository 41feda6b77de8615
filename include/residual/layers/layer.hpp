#pragma once

#include <concepts>

#include "residual/core/carver.hpp"
#include "residual/core/check.hpp"
#include "residual/layers/pass.hpp"

namespace residual {

/// Something with parameters: they are listed once, in Params::carve, and `check` throws a sentence when a field cannot be.
template <class C>
concept Component = std::equality_comparable<C> &&
    requires(const C& c, typename C::Params& p, Carver<typename C::Scalar>& carver) {
  p.carve(carver, c);
  c.check();
};

/// A sub-layer: a function y = f(x) of [tokens x dim] with an analytic gradient.
///
///     forward (p, t, pass, x, y)            overwrites y and keeps in the tape t what backward needs beside x
///     backward(p, t, pass, x, dy, dx, g)    adds the gradient of <y, dy>: dx += (df/dx)^T dy, g += (df/dp)^T dy
///
/// x belongs to the caller, who gives it back to `backward` bit for bit; dx must not overlap x or dy. `name` opens the names
/// of its parameters. `mixes_tokens` says whether a row of y depends on other rows of x or on the memory: then decoding step
/// by step needs a cache (CachingLayer).
template <class L>
concept Layer = Component<L> &&
    requires(const L& layer, const typename L::Params& p, typename L::Params& g, typename L::Tape& t,
             const typename L::Tape& kept, const Pass<typename L::Scalar>& pass, Carver<typename L::Scalar>& carver,
             In<typename L::Scalar> in, Out<typename L::Scalar> out) {
  { L::name } -> std::convertible_to<const char*>;
  { L::mixes_tokens } -> std::convertible_to<bool>;
  t.carve(carver, layer, pass);
  layer.forward(p, t, pass, in, out);
  layer.backward(p, kept, pass, in, in, out, g);
};

/// A function of each row whose tape holds all that its gradient needs, so that its input, a RowSource, may be an expression
/// that nobody keeps, LN(x + a, x): what residual schemes put around sub-layers. One whose output a scheme asks for again in backward
/// has `output(p, t, pass, u)`, too: y once more, bit for bit, in u or where the tape holds it already.
template <class L>
concept Norm = Component<L> &&
    requires(const L& norm, const typename L::Params& p, typename L::Params& g, typename L::Tape& t,
             const typename L::Tape& kept, const Pass<typename L::Scalar>& pass, Carver<typename L::Scalar>& carver,
             const RowSource<typename L::Scalar>& x, In<typename L::Scalar> in, Out<typename L::Scalar> out) {
  t.carve(carver, norm, pass);
  norm.forward(p, t, pass, x, out);
  norm.backward(p, kept, pass, in, out, g);
};

/// Whether a layer lists its parameters.
template <class L>
concept CarvesParams = requires {
  typename L::Params;
}
&&requires(typename L::Params& p, Carver<typename L::Scalar>& c, const L& layer) { p.carve(c, layer); };
/// Whether a layer lists what it keeps for backward.
template <class L>
concept CarvesTape = requires {
  typename L::Tape;
}
&&requires(typename L::Tape& t, Carver<typename L::Scalar>& c, const L& layer, const Pass<typename L::Scalar>& pass) {
  t.carve(c, layer, pass);
};

/// Whether some of a layer's parameters are of some blocks only. A concept of its own, since clang 19 refuses nested
/// requirements in a lambda.
template <class L>
concept BlocksDiffer = requires {
  requires L::blocks_differ;
};

/// True, or fails to compile with the line to add to L.
template <class L>
constexpr bool is_layer() {
  static_assert(
      requires { typename L::Scalar; }, "A layer must say what it computes with: add `using Scalar = S;`.");
  using S = typename L::Scalar;
  static_assert(std::equality_comparable<L>,
                "A layer must be comparable: add `bool operator==(const Layer&) const = default;`.");
  static_assert(
      requires {
        { L::name } -> std::convertible_to<const char*>;
      },
      "A layer must say how the names of its parameters begin: add `static constexpr const char* name = \"name.\";`.");
  static_assert(
      requires {
        { L::mixes_tokens } -> std::convertible_to<bool>;
      },
      "A layer must say whether a row of y depends on other rows of x or on the memory: add `static constexpr bool "
      "mixes_tokens`.");
  static_assert(
      requires(const L& layer) { layer.check(); },
      "A layer must refuse fields that cannot be: add `void check() const`, which throws.");
  static_assert(
      CarvesParams<L>,
      "A layer must list its parameters: add `struct Params` with `void carve(Carver<S>& c, const Layer& layer)`.");
  static_assert(
      CarvesTape<L>,
      "A layer must list what it keeps for backward: add `struct Tape` with `void carve(Carver<S>& c, const Layer& "
      "layer, const Pass<S>& pass)`.");
  static_assert(
      requires(const L& layer, const typename L::Params& p, typename L::Tape& t, const Pass<S>& pass, In<S> x,
               Out<S> y) { layer.forward(p, t, pass, x, y); },
      "A layer must compute y: add `void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) "
      "const`.");
  static_assert(
      requires(const L& layer, const typename L::Params& p, const typename L::Tape& t, const Pass<S>& pass, In<S> x,
               In<S> dy, Out<S> dx, typename L::Params& g) { layer.backward(p, t, pass, x, dy, dx, g); },
      "A layer must have a gradient: add `void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x, "
      "In<S> dy, Out<S> dx, Params& g) const`.");
  return true;
}

/// True, or fails to compile with the line to add to the norm L.
template <class L>
constexpr bool is_norm() {
  using S = typename L::Scalar;
  static_assert(std::equality_comparable<L>,
                "A norm must be comparable: add `bool operator==(const Norm&) const = default;`.");
  static_assert(
      requires(const L& norm) { norm.check(); },
      "A norm must refuse fields that cannot be: add `void check() const`, which throws.");
  static_assert(
      CarvesParams<L>,
      "A norm must list its parameters: let `struct Params` have `void carve(Carver<S>& c, const Norm& norm)`.");
  static_assert(CarvesTape<L>,
                "A norm must list what it keeps for backward: let `struct Tape` have `void carve(Carver<S>& c, const "
                "Norm& norm, const Pass<S>& pass)`.");
  static_assert(
      requires(const L& norm, const typename L::Params& p, typename L::Tape& t, const Pass<S>& pass,
               const RowSource<S>& x, Out<S> y) { norm.forward(p, t, pass, x, y); },
      "A norm must compute y: add `void forward(const Params& p, Tape& t, const Pass<S>& pass, const RowSource<S>& x, "
      "Out<S> y) const`.");
  static_assert(
      requires(const L& norm, const typename L::Params& p, const typename L::Tape& t, const Pass<S>& pass, In<S> dy,
               Out<S> dx, typename L::Params& g) { norm.backward(p, t, pass, dy, dx, g); },
      "A norm must have a gradient, of what its tape holds: add `void backward(const Params& p, const Tape& t, const "
      "Pass<S>& pass, In<S> dy, Out<S> dx, Params& g) const`.");
  return true;
}

/// Memory of the workspace in which a tape lies until the end of the scope.
template <Layer L>
class BorrowedTape {
 public:
  using S = typename L::Scalar;

  /// Binds the tape where `wanted`; else it stays as it is.
  BorrowedTape(const L& layer, typename L::Tape& tape, const Pass<S>& pass, bool wanted)
      : memory_(pass.workspace, 1, wanted ? carve(layer, tape, pass, nullptr) : 0) {
    if (wanted) carve(layer, tape, pass, memory_.data());
  }

 private:
  static Index carve(const L& layer, typename L::Tape& tape, const Pass<S>& pass, S* memory) {
    Carver<S> c(memory, cache_line<S>);
    tape.carve(c, layer, pass);
    return c.size();
  }

  typename Workspace<S>::Temp memory_;
};

}  // namespace residual
