#pragma once

#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/layer_history.hpp"

namespace residual {

/// Dynamic linear combination of layers over Pre-LN blocks, Wang et al. 2019 (arXiv:1906.01787): block b reads a learned mixture
/// of the embedding and the normalised outputs of all blocks before it,
///
///     h_0 = embedding,   h_{b+1} = LN'_b(B_b(sum_{j <= b} W_bj h_j)),   y = LN(sum_{j <= L} W_Lj h_j)
///
/// It starts with means: W_bj = 1 / (b + 1).
template <class S, class Norm = LayerNorm<S>, class LastNorm = LayerNorm<S>>
struct DlclPre {
  using Scalar = S;
  Norm norm;
  Norm history;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit DlclPre(Index dim) : norm(dim), history(dim), last(dim) {}
  /// With norms of your choice, `h` for the history.
  DlclPre(Norm n, Norm h, LastNorm last_norm) : norm(n), history(h), last(last_norm) {}
  bool operator==(const DlclPre&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, history, last); }

  struct Params {
    PerSite<ParamsOf<Norm>> norm;
    LayerHistory<S, Norm> history;
    ParamsOf<LastNorm> last;
    void carve(ParamListing<S>& list, const DlclPre& w) {
      list.each_site("norm", norm, w.norm);
      history.carve(list, w.history);
      list.once("norm.", last, w.last);
    }
  };
  struct Tape {
    PerSite<TapeOf<Norm>> norm;
    PerBlock<TapeOf<Norm>> history;
    TapeOf<LastNorm> last;
    Matrices<S> h;
    void carve(TapeListing<S>& list, const DlclPre& w) {
      list.each_site(norm, w.norm);
      list.each_block(history, w.history);
      list.once(last, w.last);
      list.once([&](auto& c) { h.carve(c, list.blocks() + 1, list.tokens(), w.dim()); });
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    const auto LNh = f.bind(history, p.history.norm, t.history);
    auto x = f.stream(x0);
    auto u = f.temp(), v = f.temp();
    f.to(t.h[0]) = x0;
    for (const Site k : f.sites()) {
      if (k.begins_block()) weighted_sum<S>(f, p.history.row(k.block), k.block + 1, t.h, x);  // x = sum_j W_bj h_j
      LN[k](x, u);
      f[k](u, v);
      x += v;                                           // x' = x + f(LN(x))
      if (k.ends_block()) LNh[k](x, t.h[k.block + 1]);  // h_{b+1} = LN'_b(x)
    }
    weighted_sum<S>(f, p.history.row(f.blocks()), f.blocks() + 1, t.h, u);
    f.bind(last, p.last, t.last)(u, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    const auto LNh = f.bind(history, p.history.norm, t.history, g.history.norm);
    auto dx = f.stream();
    auto dh = f.temps(f.blocks() + 1);
    dh.all().setZero();
    auto u = f.temp();
    const auto pull = [&](Index b) { weighted_sum_pull<S>(f, p.history.row(b), b + 1, t.h, dx, g.history.row(b), dh); };
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    pull(f.blocks());
    for (const Site k : f.sites_backwards()) {
      if (k.ends_block()) {
        dx.setZero();
        LNh[k].pull(dh[k.block + 1], dx);  // dx = LN'_b^T dh_{b+1}
      }
      auto du = f.zeros();
      f[k].pull(LN[k].output(u), dx, du);   // du = f^T dx'
      LN[k].pull(du, dx);                   // dx = dx' + LN^T du
      if (k.begins_block()) pull(k.block);  // dh_j += W_bj dx
    }
    f.to(dx0) += dh[0];
  }
};

}  // namespace residual
