#pragma once

#include "residual/wiring/normed.hpp"

namespace residual {

/// Peri-LN, Kim et al. 2025 (arXiv:2502.02732), which is Sandwich-LN of CogView (arXiv:2105.13290):
///
///     x_{k+1} = x_k + LN'_k(f_k(LN_k(x_k))),   y = LN(x_{N+1}),   x_1 = embedding
///
/// With Identity as `LastNorm`, y = x_{N+1}.
template <class S, class Norm = LayerNorm<S>, class LastNorm = Norm>
struct PeriLN {
  using Scalar = S;
  Norm norm;
  Norm post;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit PeriLN(Index dim) : norm(dim), post(dim), last(dim) {}
  /// With norms of your choice: LN, LN' and the last one.
  PeriLN(Norm n, Norm post_norm, LastNorm last_norm) : norm(n), post(post_norm), last(last_norm) {}
  bool operator==(const PeriLN&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, post, last); }

  struct Params : Normed<S, Norm, LastNorm>::Params {
    PerSite<ParamsOf<Norm>> post;
    void carve(ParamListing<S>& list, const PeriLN& w) {
      Normed<S, Norm, LastNorm>::Params::carve(list, w);
      list.each_site("post_norm", post, w.post);
    }
  };
  struct Tape : Normed<S, Norm, LastNorm>::Tape {
    PerSite<TapeOf<Norm>> post;
    void carve(TapeListing<S>& list, const PeriLN& w) {
      Normed<S, Norm, LastNorm>::Tape::carve(list, w);
      list.each_site(post, w.post);
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm), LNpost = f.bind(post, p.post, t.post);
    auto x = f.stream(x0);
    auto u = f.temp(), v = f.temp();
    for (const Site k : f.sites()) {
      LN[k](x, u);
      f[k](u, v);
      LNpost[k](v, u);
      x += u;  // x' = x + LN'(f(LN(x)))
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm), LNpost = f.bind(post, p.post, t.post, g.post);
    auto dx = f.stream();
    auto u = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      auto dv = f.zeros(), du = f.zeros();
      LNpost[k].pull(dx, dv);              // dv = LN'^T dx'
      f[k].pull(LN[k].output(u), dv, du);  // du = f^T dv
      LN[k].pull(du, dx);                  // dx = dx' + LN^T du
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
