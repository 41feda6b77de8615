#pragma once

#include <optional>

#include "residual/wiring/normed.hpp"

namespace residual {

/// Keel (arXiv:2601.19895), Post-LN with a long shortcut and a norm in front of every sub-layer, too:
///
///     x_{k+1} = LN'_k(alpha_k x_k + f_k(LN_k(x_k))),   y = x_{N+1},   x_1 = embedding
///
/// alpha_k = N, the number of sub-layers, but 1 for the first two, and there is no LN'_1. With a norm as `LastNorm`,
/// y = LN(x_{N+1}).
template <class S, class Norm = LayerNorm<S>, class LastNorm = Identity<S>>
struct Keel {
  using Scalar = S;
  Norm norm;
  Norm post;
  LastNorm last;
  std::optional<double> alpha = {};  ///< from the third sub-layer on; left out: N

  /// With default norms of `dim` features.
  explicit Keel(Index dim) : norm(dim), post(dim), last(dim) {}
  /// With norms of your choice, LN and LN', and another alpha.
  Keel(Norm n, Norm post_norm, std::optional<double> a = {}, LastNorm last_norm = LastNorm())
      : norm(n), post(post_norm), last(last_norm), alpha(a) {}
  bool operator==(const Keel&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, post, last); }
  void check() const {
    expect(!alpha || is_finite(S(*alpha)), "Keel: alpha is ", alpha.value_or(0), ", but it must be a number.");
  }

  struct Params : Normed<S, Norm, LastNorm>::Params {
    PerSite<ParamsOf<Norm>> post;
    void carve(ParamListing<S>& list, const Keel& w) {
      Normed<S, Norm, LastNorm>::Params::carve(list, w);
      list.each_site("post_norm", post, [&](auto& c, auto& p, Site k) {
        if (!k.is_first()) list.carve(c, ".", p, w.post);
      });
    }
  };
  struct Tape : Normed<S, Norm, LastNorm>::Tape {
    PerSite<TapeOf<Norm>> post;
    void carve(TapeListing<S>& list, const Keel& w) {
      Normed<S, Norm, LastNorm>::Tape::carve(list, w);
      list.each_site("", post, [&](auto& c, auto& t, Site k) {
        if (!k.is_first()) list.carve(c, t, w.post);
      });
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm), LNpost = f.bind(post, p.post, t.post);
    auto x = f.stream(x0);
    auto u = f.temp(), v = f.temp();
    for (const Site k : f.sites()) {
      LN[k](x, u);
      f[k](u, v);
      if (k.is_first()) {
        x += v;  // x' = x + f(LN(x))
      } else {
        LNpost[k](shortcut(k) * x + v, x);  // x' = LN'(alpha x + f(LN(x)))
      }
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm), LNpost = f.bind(post, p.post, t.post, g.post);
    auto dx = f.stream();
    auto u = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      auto da = f.zeros(), du = f.zeros();
      if (k.is_first()) {
        da = dx;
      } else {
        LNpost[k].pull(dx, da);  // da = LN'^T dx'
        dx = shortcut(k) * da;
      }
      f[k].pull(LN[k].output(u), da, du);  // du = f^T da
      LN[k].pull(du, dx);                  // dx = alpha da + LN^T du
    }
    f.to(dx0) += dx;
  }

 private:
  S shortcut(Site k) const { return k.number() < 2 ? S(1) : S(alpha.value_or(double(k.count()))); }
};

}  // namespace residual
