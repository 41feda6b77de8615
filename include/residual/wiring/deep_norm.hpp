#pragma once

#include "residual/wiring/normed.hpp"

namespace residual {

/// DeepNorm, Wang et al. 2022 (arXiv:2203.00555):
///
///     x_{k+1} = LN_k(alpha x_k + f_k(x_k)),   y = x_{N+1},   x_1 = embedding
///
/// With a norm as `LastNorm`, y = LN(x_{N+1}). train/gain.hpp has the constants alpha and beta of the paper, and
/// DeepNormGain, which draws the weights with beta.
template <class S, class Norm = LayerNorm<S>, class LastNorm = Identity<S>>
struct DeepNorm {
  using Scalar = S;
  using Params = typename Normed<S, Norm, LastNorm>::Params;
  using Tape = typename Normed<S, Norm, LastNorm>::Tape;
  Norm norm;
  LastNorm last;
  S alpha;  ///< of the shortcut

  /// With default norms of `dim` features.
  DeepNorm(Index dim, double a) : norm(dim), last(dim), alpha(S(a)) {}
  /// With norms of your choice.
  DeepNorm(Norm n, double a, LastNorm last_norm = LastNorm()) : norm(n), last(last_norm), alpha(S(a)) {}
  bool operator==(const DeepNorm&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }
  void check() const { expect(is_finite(alpha), "DeepNorm: alpha is ", alpha, ", but it must be a number."); }

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto a = f.temp();
    for (const Site k : f.sites()) {
      f[k](x, a);
      LN[k](alpha * x + a, x);  // x' = LN(alpha x + f(x))
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
      dx = alpha * da;
      f[k].pull(f.stream_before(k, x0, LN), da, dx);  // dx = alpha da + f^T da
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
