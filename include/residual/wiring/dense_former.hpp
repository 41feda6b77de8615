#pragma once

#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/weighted_sum.hpp"
#include "residual/wiring/wiring.hpp"

namespace residual {

/// DenseFormer, Pagliardini et al. 2024 (arXiv:2402.02622): Pre-LN blocks B_0 .. B_{L-1}, and behind each an average, weighted
/// by learned numbers, over the embedding and what all blocks so far computed:
///
///     X_0 = x_0 = embedding,   X_{b+1} = B_b(x_b),   x_{b+1} = sum_{j <= b+1} alpha_bj X_j,   y = LN(x_L)
///
/// It starts as Pre-LN: alpha_b = (0, .., 0, 1).
template <class S, class Norm = LayerNorm<S>, class LastNorm = LayerNorm<S>>
struct DenseFormer {
  using Scalar = S;
  Norm norm;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit DenseFormer(Index dim) : norm(dim), last(dim) {}
  /// With norms of your choice.
  explicit DenseFormer(Norm n, LastNorm last_norm) : norm(n), last(last_norm) {}
  bool operator==(const DenseFormer&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }

  struct Params {
    PerSite<ParamsOf<Norm>> norm;
    PerBlock<TokensView<S>> alpha;
    ParamsOf<LastNorm> last;
    void carve(ParamListing<S>& list, const DenseFormer& w) {
      list.each_site("norm", norm, w.norm);
      list.numbered("dwa.alphas.", alpha,
                    [](auto& c, auto& a, Site k) { c(".weight", a, 1, k.block + 2, starts::one_hot(k.block + 1)); });
      list.once("norm.", last, w.last);
    }
  };
  struct Tape {
    PerSite<TapeOf<Norm>> norm;
    TapeOf<LastNorm> last;
    Matrices<S> history;  ///< X_0 .. X_L
    void carve(TapeListing<S>& list, const DenseFormer& w) {
      list.each_site(norm, w.norm);
      list.once(last, w.last);
      list.once([&](auto& c) { history.carve(c, list.blocks() + 1, list.tokens(), w.dim()); });
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto u = f.temp(), v = f.temp();
    f.to(t.history[0]) = x0;
    for (const Site k : f.sites()) {
      LN[k](x, u);
      f[k](u, v);
      x += v;  // x' = x + f(LN(x))
      if (!k.ends_block()) continue;
      f.to(t.history[k.block + 1]) = x;                                  // X_{b+1}
      weighted_sum<S>(f, p.alpha[k].data(), k.block + 2, t.history, x);  // x_{b+1}
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dx = f.stream();
    auto dhistory = f.temps(f.blocks() + 1);
    dhistory.all().setZero();
    auto u = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      if (k.ends_block()) {
        weighted_sum_pull<S>(f, p.alpha[k].data(), k.block + 2, t.history, dx, g.alpha[k].data(), dhistory);
        dx = dhistory[k.block + 1];  // dX_{b+1} is complete
      }
      auto du = f.zeros();
      f[k].pull(LN[k].output(u), dx, du);  // du = f^T dx'
      LN[k].pull(du, dx);                  // dx = dx' + LN^T du
    }
    f.to(dx0) += dx + dhistory[0];
  }
};

}  // namespace residual
