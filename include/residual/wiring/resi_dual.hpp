#pragma once

#include "residual/wiring/normed.hpp"

namespace residual {

/// ResiDual, Xie et al. 2023 (arXiv:2304.14802), Pre-Post-LN with two residual streams:
///
///     xln_{k+1} = LN_k(xln_k + f_k(xln_k)),   xd_{k+1} = xd_k + s f_k(xln_k),   xln_1 = embedding,  xd_1 = s embedding
///     y = alpha xln_{N+1} + LN(xd_{N+1})
template <class S, class Norm = LayerNorm<S>>
struct ResiDual {
  using Scalar = S;
  using Params = typename Normed<S, Norm, Norm>::Params;
  using Tape = typename Normed<S, Norm, Norm>::Tape;
  Norm norm;
  Norm last;
  S scale = S(1);  ///< s; 0.05 keeps xd small in half precision
  S alpha = S(1);

  /// With default norms of `dim` features; the last one's epsilon is the paper's 1e-7.
  explicit ResiDual(Index dim) : norm(dim), last(dim, S(1e-7)) {}
  /// With norms and factors of your choice.
  ResiDual(Norm n, Norm last_norm, S s = S(1), S a = S(1)) : norm(n), last(last_norm), scale(s), alpha(a) {}
  bool operator==(const ResiDual&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }
  Index streams() const { return 2; }
  void check() const {
    expect(is_finite(scale) && is_finite(alpha), "ResiDual: scale is ", scale, " and alpha ", alpha,
           ", but both must be numbers.");
  }

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto xln = f.stream(x0), xd = f.stream(scale * x0);
    auto a = f.temp();
    for (const Site k : f.sites()) {
      f[k](xln, a);
      xd += scale * a;      // xd'  = xd + s f(xln)
      LN[k](xln + a, xln);  // xln' = LN(xln + f(xln))
    }
    f.bind(last, p.last, t.last)(xd, y);
    f.to(y) += alpha * xln;  // y = alpha xln + LN(xd)
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dxln = f.stream(alpha * dy), dxd = f.stream();
    f.bind(last, p.last, t.last, g.last).pull(dy, dxd);
    for (const Site k : f.sites_backwards()) {
      auto da = f.zeros();
      LN[k].pull(dxln, da);  // da   = LN^T dxln'
      dxln = da;
      da += scale * dxd;                                // df   = da + s dxd'
      f[k].pull(f.stream_before(k, x0, LN), da, dxln);  // dxln = da + f^T df,   dxd = dxd'
    }
    f.to(dx0) += dxln + scale * dxd;
  }
};

}  // namespace residual
