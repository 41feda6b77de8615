#pragma once

#include <variant>

#include "residual/layers/feed_forward.hpp"
#include "residual/layers/gated_feed_forward.hpp"

namespace residual {

/// A feed-forward layer, plain or gated, as it turns out at run time. It computes what the layer itself does, bit for bit.
template <class S>
struct AnyFeedForward {
  using Scalar = S;
  static constexpr const char* name = "";
  static constexpr bool mixes_tokens = false;
  Index dim;                                                ///< of the layer
  std::variant<FeedForward<S>, GatedFeedForward<S>> layer;  ///< the layer

  AnyFeedForward(const FeedForward<S>& plain) : dim(plain.dim), layer(plain) {}
  AnyFeedForward(const GatedFeedForward<S>& gated) : dim(gated.dim), layer(gated) {}
  bool operator==(const AnyFeedForward&) const = default;
  void check() const {
    visit([&](const auto& f) {
      f.check();
      expect(f.dim == dim, "AnyFeedForward: dim is ", dim, ", but its layer is ", f.dim, " wide; make them equal.");
    });
  }

  /// The parameters of either; the other has none.
  template <class Plain, class Gated>
  struct Either : Plain, Gated {
    void carve(Carver<S>& c, const AnyFeedForward& any, const auto&... pass) {
      any.visit([&](const auto& f) { of(*this, f).carve(c, f, pass...); });
    }
  };
  using Params = Either<typename FeedForward<S>::Params, typename GatedFeedForward<S>::Params>;
  using Tape = Either<typename FeedForward<S>::Tape, typename GatedFeedForward<S>::Tape>;

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    visit([&](const auto& f) { f.forward(of(p, f), of(t, f), pass, x, y); });
  }
  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x, In<S> dy, Out<S> dx, Params& g) const {
    visit([&](const auto& f) { f.backward(of(p, f), of(t, f), pass, x, dy, dx, of(g, f)); });
  }

 private:
  template <class Visit>
  void visit(Visit&& f) const {
    std::visit(std::forward<Visit>(f), layer);
  }
  template <class F>
  static const typename F::Params& of(const Params& p, const F&) {
    return p;
  }
  template <class F>
  static typename F::Params& of(Params& p, const F&) {
    return p;
  }
  template <class F>
  static const typename F::Tape& of(const Tape& t, const F&) {
    return t;
  }
  template <class F>
  static typename F::Tape& of(Tape& t, const F&) {
    return t;
  }
};

}  // namespace residual
