#pragma once

#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/wiring.hpp"

namespace residual {

/// Pre-LN, Xiong et al. 2020 (arXiv:2002.04745):
///
///     x_{k+1} = x_k + f_k(LN_k(x_k)),   y = LN(x_{N+1}),   x_1 = embedding
///
/// With None as `LastNorm`, y = x_{N+1}.
template <class S, class Norm = LayerNorm<S>, class LastNorm = Norm>
struct PreLN : CopyEntry<S> {
  using Scalar = S;
  using Step = Norm;
  using Last = LastNorm;
  Step step;
  Last last;

  /// With default norms of `dim` features.
  explicit PreLN(Index dim) : step(dim), last(dim) {}
  /// With norms of your choice.
  PreLN(Step norm, Last last_norm) : step(norm), last(last_norm) {}
  bool operator==(const PreLN&) const = default;

  Index dim() const { return step.dim; }
  Index streams() const { return 1; }

  void forward(Streams<S>& x, const Branch<S>& f, const Bound<Step>& LN, Site) const {
    auto u = x.temp(), v = x.temp();
    LN(x[0], u);
    f(u, v);
    x[0] += v;  // x' = x + f(LN(x))
  }
  void backward(Streams<S>& dx, const Branch<S>& f, const Bound<Step>& LN, Site) const {
    auto du = dx.zeros();
    f.pull(dx[0], du);   // du = f^T dx'
    LN.pull(du, dx[0]);  // dx = dx' + LN^T du
  }
  void exit(Streams<S>& x, const Bound<Last>& LN, Out<S> y) const { LN(x[0], y); }
  void exit_pull(In<S> dy, const Bound<Last>& LN, Streams<S>& dx) const { LN.pull(dy, dx[0]); }
};

}  // namespace residual
