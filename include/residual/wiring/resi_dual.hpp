#pragma once

#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/wiring.hpp"

namespace residual {

/// ResiDual, Xie et al. 2023 (arXiv:2304.14802), Pre-Post-LN with two residual streams:
///
///     xln_{k+1} = LN_k(xln_k + f_k(xln_k)),   xd_{k+1} = xd_k + s f_k(xln_k),   xln_1 = embedding,  xd_1 = s embedding
///     y = alpha xln_{N+1} + LN(xd_{N+1})
template <class S, class Norm = LayerNorm<S>>
struct ResiDual {
  using Scalar = S;
  using Step = Norm;
  using Last = Norm;
  Step step;
  Last last;
  S scale = S(1);  ///< s; 0.05 keeps xd small in half precision
  S alpha = S(1);
  enum { ln, dual };

  /// With default norms of `dim` features.
  explicit ResiDual(Index dim) : step(dim), last(dim, S(1e-7)) {}
  /// With norms and factors of your choice.
  ResiDual(Step norm, Last last_norm, S s = S(1), S a = S(1)) : step(norm), last(last_norm), scale(s), alpha(a) {}
  bool operator==(const ResiDual&) const = default;

  Index dim() const { return step.dim; }
  Index streams() const { return 2; }

  void enter(In<S> x0, Streams<S>& x) const {
    x[ln] = x0;
    x[dual] = scale * x0;
  }
  void enter_pull(Streams<S>& dx, Out<S> dx0) const { dx0 += dx[ln] + scale * dx[dual]; }

  void forward(Streams<S>& x, const Branch<S>& f, const Bound<Step>& LN, Site) const {
    auto a = x.temp();
    f(x[ln], a);
    x[dual] += scale * a;  // xd'  = xd + s f(xln)
    LN(x[ln] + a, x[ln]);  // xln' = LN(xln + f(xln))
  }
  void backward(Streams<S>& dx, const Branch<S>& f, const Bound<Step>& LN, Site) const {
    auto da = dx.zeros();
    LN.pull(dx[ln], da);  // da   = LN^T dxln'
    dx[ln] = da;
    da += scale * dx[dual];  // df   = da + s dxd'
    f.pull(da, dx[ln]);      // dxln = da + f^T df,   dxd = dxd'
  }
  void exit(Streams<S>& x, const Bound<Last>& LN, Out<S> y) const {
    LN(x[dual], y);
    y += alpha * x[ln];
  }
  void exit_pull(In<S> dy, const Bound<Last>& LN, Streams<S>& dx) const {
    LN.pull(dy, dx[dual]);
    dx[ln] += alpha * dy;
  }
};

}  // namespace residual
