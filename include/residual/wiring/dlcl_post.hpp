#pragma once

#include "residual/layers/identity.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/layer_history.hpp"

namespace residual {

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
