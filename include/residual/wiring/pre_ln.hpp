#pragma once

#include "residual/wiring/normed.hpp"

namespace residual {

/// Pre-LN, Xiong et al. 2020 (arXiv:2002.04745):
///
///     x_{k+1} = x_k + f_k(LN_k(x_k)),   y = LN(x_{N+1}),   x_1 = embedding
///
/// With Identity as `LastNorm`, y = x_{N+1}.
template <class S, class Norm = LayerNorm<S>, class LastNorm = Norm>
struct PreLN {
  using Scalar = S;
  using Params = typename Normed<S, Norm, LastNorm>::Params;
  using Tape = typename Normed<S, Norm, LastNorm>::Tape;
  Norm norm;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit PreLN(Index dim) : norm(dim), last(dim) {}
  /// With norms of your choice.
  PreLN(Norm n, LastNorm last_norm) : norm(n), last(last_norm) {}
  bool operator==(const PreLN&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto u = f.temp(), v = f.temp();
    for (const Site k : f.sites()) {
      LN[k](x, u);
      f[k](u, v);
      x += v;  // x' = x + f(LN(x))
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
      f[k].pull(LN[k].output(u), dx, du);  // du = f^T dx'
      LN[k].pull(du, dx);                  // dx = dx' + LN^T du
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
