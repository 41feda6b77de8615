#pragma once

#include "residual/wiring/normed.hpp"
#include "residual/wiring/scaled.hpp"

namespace residual {

/// LayerScale, Touvron et al. 2021 (arXiv:2103.17239):
///
///     x_{k+1} = x_k + lambda_k * f_k(LN_k(x_k)),   y = LN(x_{N+1}),   x_1 = embedding      (* entry by entry)
///
/// lambda starts at 0.1 in up to 18 blocks, at 1e-5 in up to 24, else at 1e-6. With Identity as `LastNorm`, y = x_{N+1}.
template <class S, class Norm = LayerNorm<S>, class LastNorm = Norm>
struct LayerScale {
  using Scalar = S;
  Norm norm;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit LayerScale(Index dim) : norm(dim), last(dim) {}
  /// With norms of your choice.
  LayerScale(Norm n, LastNorm last_norm) : norm(n), last(last_norm) {}
  bool operator==(const LayerScale&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }

  struct Params : Normed<S, Norm, LastNorm>::Params {
    PerSite<RowView<S>> lambda;
    void carve(ParamListing<S>& list, const LayerScale& w) {
      Normed<S, Norm, LastNorm>::Params::carve(list, w);
      const double start = list.blocks() <= 18 ? 0.1 : list.blocks() <= 24 ? 1e-5 : 1e-6;
      list.each_site("scale", lambda, [&](auto& c, auto& row, Site) { c("", row, w.dim(), starts::at(start)); });
    }
  };
  struct Tape : Normed<S, Norm, LastNorm>::Tape {
    PerSite<TokensView<S>> v;  ///< f(LN(x))
    void carve(TapeListing<S>& list, const LayerScale& w) {
      Normed<S, Norm, LastNorm>::Tape::carve(list, w);
      list.each_site("", v, [&](auto& c, auto& m, Site) { c("", m, list.kept_tokens(), w.dim()); });
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto u = f.temp(), v = f.temp();
    for (const Site k : f.sites()) {
      LN[k](x, u);
      f[k](u, v);
      f.keep(v, t.v[k]);
      x += scaled(p.lambda[k], v);  // x' = x + lambda * f(LN(x))
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dx = f.stream();
    auto u = f.temp(), dv = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      add_scale_gradient(f, t.v[k], dx, g.lambda[k]);
      dv = scaled(p.lambda[k], dx);  // dv = lambda * dx'
      auto du = f.zeros();
      f[k].pull(LN[k].output(u), dv, du);  // du = f^T dv
      LN[k].pull(du, dx);                  // dx = dx' + LN^T du
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
