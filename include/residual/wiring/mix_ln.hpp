#pragma once

#include "residual/wiring/normed.hpp"

namespace residual {

/// Mix-LN, Li et al. 2024 (arXiv:2412.13795): Post-LN in the first floor(a L) of L blocks, Pre-LN in the others,
///
///     x_{k+1} = LN_k(x_k + f_k(x_k))   or   x_k + f_k(LN_k(x_k)),   y = LN(x_{N+1}),   x_1 = embedding
///
/// With Identity as `LastNorm`, y = x_{N+1}.
template <class S, class Norm = LayerNorm<S>, class LastNorm = Norm>
struct MixLN {
  using Scalar = S;
  using Params = typename Normed<S, Norm, LastNorm>::Params;
  using Tape = typename Normed<S, Norm, LastNorm>::Tape;
  Norm norm;
  LastNorm last;
  double post_share = 0.25;  ///< a

  /// With default norms of `dim` features.
  explicit MixLN(Index dim, double a = 0.25) : norm(dim), last(dim), post_share(a) {}
  /// With norms of your choice.
  MixLN(Norm n, LastNorm last_norm, double a = 0.25) : norm(n), last(last_norm), post_share(a) {}
  bool operator==(const MixLN&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }
  void check() const {
    expect(post_share >= 0 && post_share <= 1, "MixLN: post_share is ", post_share,
           ", but the part of Post-LN blocks is from 0 to 1.");
  }
  /// Whether the block of the site is Post-LN.
  bool is_post(Site k) const {
    // Not by floor(a L): in double 0.29 * 100 is less than 29, but 29 / 100 is 0.29.
    return double(k.block + 1) / double(k.blocks) <= post_share;
  }

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto u = f.temp(), v = f.temp();
    for (const Site k : f.sites()) {
      if (is_post(k)) {
        f[k](x, v);
        LN[k](x + v, x);  // x' = LN(x + f(x))
      } else {
        LN[k](x, u);
        f[k](u, v);
        x += v;  // x' = x + f(LN(x))
      }
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dx = f.stream();
    auto u = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      auto d = f.zeros();
      if (is_post(k)) {
        LN[k].pull(dx, d);  // da = LN^T dx'
        dx = d;
        f[k].pull(f.stream_before(k, x0, LN), d, dx);  // dx = da + f^T da
      } else {
        f[k].pull(LN[k].output(u), dx, d);  // du = f^T dx'
        LN[k].pull(d, dx);                  // dx = dx' + LN^T du
      }
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
