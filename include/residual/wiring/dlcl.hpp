#pragma once

#include "residual/layers/identity.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/weighted_sum.hpp"
#include "residual/wiring/wiring.hpp"

namespace residual {

/// What the two forms of DLCL own beside the norms of their blocks: history.weight, whose row b weighs the history in front of
/// block b, and the last one what y reads; and history.layer_norms.B, a norm for every block.
template <class S, class Norm>
struct LayerHistory {
  TokensView<S> weight;
  PerBlock<ParamsOf<Norm>> norm;

  /// Row b of the weights begins as the mean of its b + 1 entries; those behind them are not used.
  void carve(ParamListing<S>& list, const Norm& n) {
    const Start mean{[](Index row, Index col, double) { return col <= row ? 1.0 / double(row + 1) : 0.0; }};
    list.once([&](auto& c) { c("history.weight", weight, list.blocks() + 1, list.blocks() + 1, mean); });
    list.numbered("history.layer_norms.", norm, [&](auto& c, auto& p, Site) { list.carve(c, ".", p, n); });
  }
  const S* row(Index b) const { return weight.data() + b * weight.cols(); }
  S* row(Index b) { return weight.data() + b * weight.cols(); }
};

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
    const auto LN = f.bind(norm, p.norm, t.norm), LNh = f.bind(history, p.history.norm, t.history);
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

/// Dynamic linear combination of layers over Post-LN blocks, Wang et al. 2019 (arXiv:1906.01787):
///
///     h_0 = embedding,   h_{b+1} = B_b(x_b),   x_0 = W_00 h_0,   x_b = LN'_{b-1}(sum_{j <= b} W_bj h_j),   y = x_L
///
/// It starts with means: W_bj = 1 / (b + 1). With a norm as `LastNorm`, y = LN(x_L).
template <class S, class Norm = LayerNorm<S>, class LastNorm = Identity<S>>
struct DlclPost {
  using Scalar = S;
  Norm norm;
  Norm history;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit DlclPost(Index dim) : norm(dim), history(dim), last(dim) {}
  /// With norms of your choice, `h` for the history.
  DlclPost(Norm n, Norm h, LastNorm last_norm = LastNorm()) : norm(n), history(h), last(last_norm) {}
  bool operator==(const DlclPost&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, history, last); }

  struct Params {
    PerSite<ParamsOf<Norm>> norm;
    LayerHistory<S, Norm> history;
    ParamsOf<LastNorm> last;
    void carve(ParamListing<S>& list, const DlclPost& w) {
      list.each_site("norm", norm, w.norm);
      history.carve(list, w.history);
      list.once("norm.", last, w.last);
    }
  };
  struct Tape {
    PerSite<TapeOf<Norm>> norm;
    PerBlock<TapeOf<Norm>> history;  ///< of x_b
    TapeOf<Norm> history_end;        ///< of x_L
    TapeOf<LastNorm> last;
    Matrices<S> h;
    void carve(TapeListing<S>& list, const DlclPost& w) {
      list.each_site(norm, w.norm);
      list.each_block("", history, [&](auto& c, auto& tape, Site k) {
        if (k.block > 0) list.carve(c, tape, w.history);
      });
      list.once(history_end, w.history);
      list.once(last, w.last);
      list.once([&](auto& c) { h.carve(c, list.blocks() + 1, list.tokens(), w.dim()); });
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto a = f.temp();
    /// z = x_b, whose norm's tape is `tape`.
    const auto enter = [&](Index b, TapeOf<Norm>& tape, Out<S> z) {
      weighted_sum<S>(f, p.history.row(b), b + 1, t.h, z);
      if (b > 0) f.bind(history, p.history.norm[block_site(b - 1)], tape)(z, z);
    };
    f.to(t.h[0]) = x0;
    for (const Site k : f.sites()) {
      if (k.begins_block()) enter(k.block, t.history[k], x);
      f[k](x, a);
      LN[k](x + a, x);                                 // x' = LN(x + f(x))
      if (k.ends_block()) f.to(t.h[k.block + 1]) = x;  // h_{b+1} = x'
    }
    enter(f.blocks(), t.history_end, a);
    f.bind(last, p.last, t.last)(a, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dx = f.stream();
    auto dh = f.temps(f.blocks() + 1);
    dh.all().setZero();
    auto u = f.temp();
    /// The norm in front of block b, 1 or more.
    const auto LNh = [&](Index b, const TapeOf<Norm>& tape) {
      return f.bind(history, p.history.norm[block_site(b - 1)], tape, g.history.norm[block_site(b - 1)]);
    };
    /// dh_j += W_bj LN'_{b-1}^T dx
    const auto leave = [&](Index b, const TapeOf<Norm>& tape) {
      if (b > 0) {
        auto dz = f.zeros();
        LNh(b, tape).pull(dx, dz);
        dx = dz;
      }
      weighted_sum_pull<S>(f, p.history.row(b), b + 1, t.h, dx, g.history.row(b), dh);
    };
    /// What stands in front of sub-layer k.
    const auto in_front = [&](Site k) {
      if (k.block > 0) return LNh(k.block, t.history[k]).output(u);
      weighted_sum<S>(f, p.history.row(0), 1, t.h, u);
      return In<S>(u);
    };
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    leave(f.blocks(), t.history_end);
    for (const Site k : f.sites_backwards()) {
      if (k.ends_block()) dx = dh[k.block + 1];
      auto da = f.zeros();
      LN[k].pull(dx, da);  // da = LN^T dx'
      dx = da;
      if (k.begins_block()) {
        f[k].pull(in_front(k), da, dx);  // dx = da + f^T da
        leave(k.block, t.history[k]);
      } else {
        f[k].pull(f.stream_before(k, x0, LN), da, dx);
      }
    }
    f.to(dx0) += dh[0];
  }

 private:
  /// Finds the entry of block b in a PerBlock.
  static Site block_site(Index b) { return {b, 0, 0, 0}; }
};

}  // namespace residual
