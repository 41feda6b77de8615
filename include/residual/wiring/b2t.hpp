#pragma once

#include "residual/wiring/normed.hpp"

namespace residual {

/// B2T, Takase et al. 2022 (arXiv:2206.00330), Post-LN whose last norm in a block reads the block's input, too:
///
///     x_{k+1} = LN_k(x_k + f_k(x_k)),   but LN_k(x_b + x_k + f_k(x_k)) at the end of the block that begins with x_b
///     y = x_{N+1},   x_1 = embedding
///
/// With a norm as `LastNorm`, y = LN(x_{N+1}).
template <class S, class Norm = LayerNorm<S>, class LastNorm = Identity<S>>
struct B2T {
  using Scalar = S;
  using Params = typename Normed<S, Norm, LastNorm>::Params;
  using Tape = typename Normed<S, Norm, LastNorm>::Tape;
  Norm norm;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit B2T(Index dim) : norm(dim), last(dim) {}
  /// With norms of your choice.
  explicit B2T(Norm n, LastNorm last_norm = LastNorm()) : norm(n), last(last_norm) {}
  bool operator==(const B2T&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto xb = f.temp(), a = f.temp();
    for (const Site k : f.sites()) {
      if (k.begins_block()) xb = x;
      f[k](x, a);
      if (k.ends_block()) {
        LN[k](xb + x + a, x);  // x' = LN(x_b + x + f(x))
      } else {
        LN[k](x + a, x);  // x' = LN(x + f(x))
      }
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dx = f.stream();
    auto dxb = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      auto da = f.zeros();
      LN[k].pull(dx, da);  // da = LN^T dx'
      if (k.ends_block()) dxb = da;
      dx = da;
      f[k].pull(f.stream_before(k, x0, LN), da, dx);  // dx = da + f^T da
      if (k.begins_block()) dx += dxb;                // x = x_b
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
