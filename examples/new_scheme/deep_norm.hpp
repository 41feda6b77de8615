#pragma once

#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/wiring.hpp"

/// DeepNorm, Wang et al. 2022 (arXiv:2203.00555):
///
///     x_{k+1} = LN_k(alpha x_k + f_k(x_k)),   y = x_{N+1},   x_1 = embedding
template <class S>
struct DeepNorm : residual::CopyEntry<S> {
  using Scalar = S;
  using Step = residual::LayerNorm<S>;
  using Last = residual::None<S>;
  Step step;
  Last last;
  S alpha;

  DeepNorm(residual::Index dim, double a) : step(dim), alpha(S(a)) {}
  bool operator==(const DeepNorm&) const = default;

  residual::Index dim() const { return step.dim; }
  residual::Index streams() const { return 1; }

  void forward(residual::Streams<S>& x, const residual::Branch<S>& f, const residual::Bound<Step>& LN,
               residual::Site) const {
    auto a = x.temp();
    f(x[0], a);
    LN(alpha * x[0] + a, x[0]);  // x' = LN(alpha x + f(x))
  }
  void backward(residual::Streams<S>& dx, const residual::Branch<S>& f, const residual::Bound<Step>& LN,
                residual::Site) const {
    auto da = dx.zeros();
    LN.pull(dx[0], da);  // da = LN^T dx'
    dx[0] = alpha * da;
    f.pull(da, dx[0]);  // dx = alpha da + f^T da
  }
  void exit(residual::Streams<S>& x, const residual::Bound<Last>& LN, residual::Out<S> y) const { LN(x[0], y); }
  void exit_pull(residual::In<S> dy, const residual::Bound<Last>& LN, residual::Streams<S>& dx) const {
    LN.pull(dy, dx[0]);
  }
};
