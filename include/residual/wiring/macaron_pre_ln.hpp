#pragma once

#include "residual/layers/identity.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/wiring.hpp"

namespace residual {

/// Macaron, Lu et al. 2019 (arXiv:1906.02762), in the order of Pre-LN: the first and the last sub-layer of a block, its two
/// feed-forwards, count half,
///
///     x = x + c f_1(LN_1(x)),   x = x + f_2(LN_2(x)),   x = x + c f_3(LN_3(x)),   x = LN_b(x),   y = LN(x)
///
/// with c = 1/2, and the norm LN_b behind a block where it is no Identity. A stack of it:
///
///     Stack<MacaronPreLN<S>, Named<"ffn1.", FeedForward<S>>, SelfAttention<S>, Named<"ffn2.", FeedForward<S>>>
template <class S, class Norm = LayerNorm<S>, class LastNorm = LayerNorm<S>, class BlockNorm = Identity<S>>
struct MacaronPreLN {
  using Scalar = S;
  Norm norm;
  LastNorm last;
  BlockNorm block;
  S half = S(0.5);  ///< c

  /// With default norms of `dim` features.
  explicit MacaronPreLN(Index dim) : norm(dim), last(dim), block(dim) {}
  /// With norms and c of your choice.
  MacaronPreLN(Norm n, LastNorm last_norm, S c = S(0.5), BlockNorm block_norm = BlockNorm())
      : norm(n), last(last_norm), block(block_norm), half(c) {}
  bool operator==(const MacaronPreLN&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last, block); }
  void check() const {
    expect(is_finite(half), "MacaronPreLN: half is ", half, ", but it must be a number, such as 0.5.");
  }

  struct Params {
    PerSite<ParamsOf<Norm>> norm;
    PerBlock<ParamsOf<BlockNorm>> block;
    ParamsOf<LastNorm> last;
    void carve(ParamListing<S>& list, const MacaronPreLN& w) {
      list.each_site("norm", norm, w.norm);
      list.each_block("block_norm", block, w.block);
      list.once("norm.", last, w.last);
    }
  };
  struct Tape {
    PerSite<TapeOf<Norm>> norm;
    PerBlock<TapeOf<BlockNorm>> block;
    TapeOf<LastNorm> last;
    void carve(TapeListing<S>& list, const MacaronPreLN& w) {
      list.each_site(norm, w.norm);
      list.each_block(block, w.block);
      list.once(last, w.last);
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    const auto LNb = f.bind(block, p.block, t.block);
    auto x = f.stream(x0);
    auto u = f.temp(), v = f.temp();
    for (const Site k : f.sites()) {
      LN[k](x, u);
      f[k](u, v);
      x += factor(k) * v;                // x' = x + c f(LN(x))
      if (k.ends_block()) LNb[k](x, x);  // x  = LN_b(x')
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    const auto LNb = f.bind(block, p.block, t.block, g.block);
    auto dx = f.stream();
    auto u = f.temp(), df = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      if (k.ends_block()) {
        df.setZero();
        LNb[k].pull(dx, df);  // dx' = LN_b^T dx
        dx = df;
      }
      auto du = f.zeros();
      df = factor(k) * dx;
      f[k].pull(LN[k].output(u), df, du);  // du = c f^T dx'
      LN[k].pull(du, dx);                  // dx = dx' + LN^T du
    }
    f.to(dx0) += dx;
  }

 private:
  S factor(Site k) const { return k.begins_block() || k.ends_block() ? half : S(1); }
};

}  // namespace residual
