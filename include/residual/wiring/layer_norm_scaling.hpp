#pragma once

#include <cmath>

#include "residual/wiring/normed.hpp"

namespace residual {

/// LayerNorm scaling, Sun et al. 2025 (arXiv:2502.05795), in block b = 1, 2, ...:
///
///     x_{k+1} = x_k + f_k(LN_k(x_k) / sqrt(b)),   y = LN(x_{N+1}),   x_1 = embedding
///
/// With Identity as `LastNorm`, y = x_{N+1}.
template <class S, class Norm = LayerNorm<S>, class LastNorm = Norm>
struct LayerNormScaling {
  using Scalar = S;
  using Params = typename Normed<S, Norm, LastNorm>::Params;
  using Tape = typename Normed<S, Norm, LastNorm>::Tape;
  Norm norm;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit LayerNormScaling(Index dim) : norm(dim), last(dim) {}
  /// With norms of your choice.
  LayerNormScaling(Norm n, LastNorm last_norm) : norm(n), last(last_norm) {}
  bool operator==(const LayerNormScaling&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }
  /// 1 / sqrt(b) in the block of the site.
  static S scale(Site k) {
    using std::sqrt;
    return S(1) / sqrt(S(k.block + 1));
  }

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto u = f.temp(), v = f.temp();
    for (const Site k : f.sites()) {
      LN[k](x, u);
      u *= scale(k);
      f[k](u, v);
      x += v;  // x' = x + f(s LN(x))
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dx = f.stream();
    auto u = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      auto du = f.zeros();
      u = scale(k) * LN[k].output(u);
      f[k].pull(u, dx, du);
      du *= scale(k);      // du = s f^T dx'
      LN[k].pull(du, dx);  // dx = dx' + LN^T du
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
