#pragma once

#include <algorithm>

#include "residual/wiring/normed.hpp"

namespace residual {

/// x0 injection, as in nanochat (github.com/karpathy/nanochat): Pre-LN that mixes the embedding x_1 in front of block b,
///
///     x = a_b x_k + b_b x_1   at its first sub-layer,   x_{k+1} = x_k + f_k(LN_k(x_k)),   y = LN(x_{N+1})
///
/// From the first block to the last, a starts at 1.15 to 1.05 and b at 0.20 to 0.05. With Identity as `LastNorm`,
/// y = x_{N+1}.
template <class S, class Norm = LayerNorm<S>, class LastNorm = Norm>
struct X0Injection {
  using Scalar = S;
  Norm norm;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit X0Injection(Index dim) : norm(dim), last(dim) {}
  /// With norms of your choice.
  X0Injection(Norm n, LastNorm last_norm) : norm(n), last(last_norm) {}
  bool operator==(const X0Injection&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }

  struct Params : Normed<S, Norm, LastNorm>::Params {
    PerBlock<RowView<S>> a, b;
    void carve(ParamListing<S>& list, const X0Injection& w) {
      Normed<S, Norm, LastNorm>::Params::carve(list, w);
      const auto falling = [](double first, double end) {
        return [=](auto& c, auto& number, Site k) {
          const double part = double(k.block) / double(std::max<Index>(k.blocks - 1, 1));
          c("", number, 1, starts::at(first + (end - first) * part));
        };
      };
      list.each_block("resid_lambda", a, falling(1.15, 1.05));
      list.each_block("x0_lambda", b, falling(0.20, 0.05));
    }
  };
  struct Tape : Normed<S, Norm, LastNorm>::Tape {
    PerBlock<TokensView<S>> x;  ///< in front of the block
    void carve(TapeListing<S>& list, const X0Injection& w) {
      Normed<S, Norm, LastNorm>::Tape::carve(list, w);
      list.each_block("", x, [&](auto& c, auto& m, Site) { c("", m, list.kept_tokens(), w.dim()); });
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto u = f.temp(), v = f.temp();
    for (const Site k : f.sites()) {
      if (k.begins_block()) {
        f.keep(x, t.x[k]);
        x = p.a[k][0] * x + p.b[k][0] * x0;  // x = a x + b x0
      }
      LN[k](x, u);
      f[k](u, v);
      x += v;  // x' = x + f(LN(x))
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dx = f.stream();
    auto u = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      auto du = f.zeros();
      f[k].pull(LN[k].output(u), dx, du);  // du = f^T dx'
      LN[k].pull(du, dx);                  // dx = dx' + LN^T du
      if (k.begins_block()) {
        g.a[k][0] += f.dot(dx, t.x[k]);
        g.b[k][0] += f.dot(dx, x0);
        f.to(dx0) += p.b[k][0] * dx;
        dx *= p.a[k][0];
      }
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
