#pragma once

#include "residual/wiring/normed.hpp"

namespace residual {

/// Post-LN, Vaswani et al. 2017 (arXiv:1706.03762):
///
///     x_{k+1} = LN_k(x_k + f_k(x_k)),   y = x_{N+1},   x_1 = embedding
///
/// With a norm as `LastNorm`, y = LN(x_{N+1}).
template <class S, class Norm = LayerNorm<S>, class LastNorm = Identity<S>>
struct PostLN {
  using Scalar = S;
  using Params = typename Normed<S, Norm, LastNorm>::Params;
  using Tape = typename Normed<S, Norm, LastNorm>::Tape;
  Norm norm;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit PostLN(Index dim) : norm(dim), last(dim) {}
  /// With norms of your choice.
  explicit PostLN(Norm n, LastNorm last_norm = LastNorm()) : norm(n), last(last_norm) {}
  bool operator==(const PostLN&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto a = f.temp();
    for (const Site k : f.sites()) {
      f[k](x, a);
      LN[k](x + a, x);  // x' = LN(x + f(x))
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dx = f.stream();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      auto da = f.zeros();
      LN[k].pull(dx, da);  // da = LN^T dx'
      dx = da;
      f[k].pull(f.stream_before(k, x0, LN), da, dx);  // dx = da + f^T da
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
