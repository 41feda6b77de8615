#pragma once

#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/wiring.hpp"

namespace residual {

/// Post-LN, Vaswani et al. 2017 (arXiv:1706.03762):
///
///     x_{k+1} = LN_k(x_k + f_k(x_k)),   y = x_{N+1},   x_1 = embedding
///
/// With a norm as `LastNorm`, y = LN(x_{N+1}).
template <class S, class Norm = LayerNorm<S>, class LastNorm = None<S>>
struct PostLN : CopyEntry<S> {
  using Scalar = S;
  using Step = Norm;
  using Last = LastNorm;
  Step step;
  Last last;

  /// With default norms of `dim` features.
  explicit PostLN(Index dim) : step(dim), last(dim) {}
  /// With norms of your choice.
  PostLN(Step norm, Last last_norm) : step(norm), last(last_norm) {}
  bool operator==(const PostLN&) const = default;

  Index dim() const { return step.dim; }
  Index streams() const { return 1; }

  void forward(Streams<S>& x, const Branch<S>& f, const Bound<Step>& LN, Site) const {
    auto a = x.temp();
    f(x[0], a);
    LN(x[0] + a, x[0]);  // x' = LN(x + f(x))
  }
  void backward(Streams<S>& dx, const Branch<S>& f, const Bound<Step>& LN, Site) const {
    auto da = dx.zeros();
    LN.pull(dx[0], da);  // da = LN^T dx'
    dx[0] = da;
    f.pull(da, dx[0]);  // dx = da + f^T da
  }
  void exit(Streams<S>& x, const Bound<Last>& LN, Out<S> y) const { LN(x[0], y); }
  void exit_pull(In<S> dy, const Bound<Last>& LN, Streams<S>& dx) const { LN.pull(dy, dx[0]); }
};

}  // namespace residual
