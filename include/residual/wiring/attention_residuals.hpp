#pragma once

#include <algorithm>
#include <limits>

#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/attention_over_history.hpp"
#include "residual/wiring/wiring.hpp"

namespace residual {

/// What both forms of attention residuals are, where `Grouping` says how many sub-layers' outputs are added up to one source of
/// the reads: as HistorySources names them, the sums of whole groups are finished, that of the last one may still grow.
template <class S, class Grouping, class Norm, class LastNorm>
struct AttentionResidualsBy {
  using Scalar = S;
  Norm norm;
  LastNorm last;
  AttentionOverHistory<S> attention;
  Grouping grouping;

  bool operator==(const AttentionResidualsBy&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }
  Index streams() const { return 2; }
  void check() const {
    expect(attention.dim == dim(), "AttentionResiduals: the keys are ", attention.dim, " wide, but the norms ", dim(),
           "; make the scheme anew to change its width.");
    const S epsilon = attention.epsilon;
    expect(epsilon > S(0) && is_finite(epsilon) && is_finite(S(1) / (epsilon * epsilon)),
           "AttentionResiduals: the epsilon of the keys' norm is ", epsilon,
           ", but it must be a number greater than 0, and so must 1 / epsilon^2 be, for example 1e-5.");
    grouping.check();
  }

  struct Params {
    PerSite<ParamsOf<Norm>> norm;
    PerSite<HistoryQuery<S>> query;
    ParamsOf<LastNorm> last;
    HistoryQuery<S> last_query;
    void carve(ParamListing<S>& list, const AttentionResidualsBy& w) {
      list.each_site("norm", norm, w.norm);
      list.each_site("attnres", query, [&](auto& c, auto& q, Site) { c(".", q, w.dim()); });
      list.once("norm.", last, w.last);
      list.once([&](auto& c) { c("attnres.", last_query, w.dim()); });
    }
  };
  struct Tape {
    PerSite<TapeOf<Norm>> norm;
    TapeOf<LastNorm> last;
    PerSite<TokensView<S>> a, growing;
    TokensView<S> last_a, last_growing;
    Matrices<S> finished;
    TokensView<S> rsigma;  ///< of each row of `finished`
    void carve(TapeListing<S>& list, const AttentionResidualsBy& w) {
      const auto rows = [&](bool grows) { return grows ? list.kept_tokens() : 0; };
      list.each_site(norm, w.norm);
      list.once(last, w.last);
      list.each_site("", a, [&](auto& c, auto& m, Site k) {
        const Place at = w.place(k);
        c("", m, list.kept_tokens(), at.finished + (at.grows ? 1 : 0));
      });
      list.each_site("", growing, [&](auto& c, auto& m, Site k) { c("", m, rows(w.place(k).grows), w.dim()); });
      list.once([&](auto& c) {
        const Place at = w.end(list.blocks(), list.sites());
        c("", last_a, list.kept_tokens(), at.finished + (at.grows ? 1 : 0));
        c("", last_growing, rows(at.grows), w.dim());
        finished.carve(c, at.finished, list.tokens(), w.dim());
        c("", rsigma, list.tokens(), at.finished);
      });
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto h = f.stream(x0), v = f.stream(x0);
    auto u = f.temp(), a = f.temp();
    const auto finish = [&](Index i, In<S> source) {
      f.to(t.finished[i]) = source;
      attention.note(f, source, i, t.rsigma);
    };
    finish(0, x0);
    for (const Site k : f.sites()) {
      const Place at = place(k);
      attention.read(f, p.query[k], sources(t, at, v), t.a[k], h);  // h = sum_i a_i v_i
      LN[k](h, u);
      f[k](u, a);
      if (at.grows) {
        f.keep(v, t.growing[k]);
        v += a;  // v' = v + f(LN(h))
      } else {
        v = a;  // v' = f(LN(h))
      }
      if (at.finishes) finish(at.finished, v);
    }
    const Place at = end(f.blocks(), f.count());
    if (at.grows) f.keep(v, t.last_growing);
    attention.read(f, p.last_query, sources(t, at, v), t.last_a, u);
    f.bind(last, p.last, t.last)(u, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dh = f.stream(), dv = f.stream();
    auto u = f.temp();
    const Place exit = end(f.blocks(), f.count());
    auto dfinished = f.temps(exit.finished);
    dfinished.all().setZero();
    f.bind(last, p.last, t.last, g.last).pull(dy, dh);
    attention.pull(f, p.last_query, sources(t, exit, t.last_growing), t.last_a, dh, dfinished, dv, g.last_query);
    for (const Site k : f.sites_backwards()) {
      const Place at = place(k);
      if (at.finishes) dv += dfinished[at.finished];
      auto du = f.zeros();
      f[k].pull(LN[k].output(u), dv, du);  // du = f^T dv'
      dh.setZero();
      LN[k].pull(du, dh);  // dh = LN^T du
      if (!at.grows) dv.setZero();
      attention.pull(f, p.query[k], sources(t, at, t.growing[k]), t.a[k], dh, dfinished, dv, g.query[k]);
    }
    f.to(dx0) += dfinished[0];
  }

 private:
  /// In front of a sub-layer: how many sources are finished, whether one more grows, and whether the sub-layer finishes it.
  struct Place {
    Index finished;
    bool grows, finishes;
  };
  static Place place(Index number, Index size) {
    return {1 + number / size, number % size > 0, (number + 1) % size == 0};
  }
  Place place(Site k) const { return place(k.number(), grouping.size(k.slots)); }
  Place end(Index blocks, Index sites) const { return place(sites, grouping.size(blocks > 0 ? sites / blocks : 1)); }
  HistorySources<S> sources(const Tape& t, const Place& at, In<S> growing) const {
    return {t.finished, t.rsigma, at.finished, at.grows, growing};
  }
};

/// Every output of a sub-layer is a source of its own.
struct EverySublayer {
  bool operator==(const EverySublayer&) const = default;
  void check() const {}
  Index size(Index) const { return 1; }
};
/// The outputs of all sub-layers in so many blocks of a stack are one source.
struct GroupsOfBlocks {
  Index blocks;
  bool operator==(const GroupsOfBlocks&) const = default;
  void check() const {
    expect(blocks > 0, "BlockAttentionResiduals: a group has ", blocks, " blocks, but it must have 1 or more.");
  }
  /// Sub-layers of a group.
  Index size(Index slots) const { return std::min(blocks, std::numeric_limits<Index>::max() / slots) * slots; }
};

/// Attention residuals, Kimi Team 2026 (arXiv:2603.15031): each sub-layer reads, token by token, a mixture of the embedding and of
/// all outputs before it,
///
///     v_0 = embedding,   h_k = sum_{i < k} a_i v_i,   a = softmax_i(q_k . RMS_k(v_i)),   v_k = f_k(LN_k(h_k))
///     y = LN(h_{N+1})
///
/// It starts with means: every q is 0.
template <class S, class Norm = LayerNorm<S>, class LastNorm = LayerNorm<S>>
struct AttentionResiduals : AttentionResidualsBy<S, EverySublayer, Norm, LastNorm> {
  /// With default norms of `dim` features.
  explicit AttentionResiduals(Index dim) : AttentionResiduals(Norm(dim), LastNorm(dim)) {}
  /// With norms of your choice, and the epsilon of the keys'.
  AttentionResiduals(Norm n, LastNorm last_norm, S key_epsilon = S(1e-5))
      : AttentionResidualsBy<S, EverySublayer, Norm, LastNorm>{n, last_norm, {n.dim, key_epsilon}, {}} {}
};

/// Attention residuals in blocks (arXiv:2603.15031, figure 2): as AttentionResiduals, but the sources are the embedding, the sums
/// of the outputs in each finished group of G blocks of the stack, and the sum so far in the group that is not finished yet.
template <class S, class Norm = LayerNorm<S>, class LastNorm = LayerNorm<S>>
struct BlockAttentionResiduals : AttentionResidualsBy<S, GroupsOfBlocks, Norm, LastNorm> {
  /// With default norms of `dim` features, G = `group`.
  explicit BlockAttentionResiduals(Index dim, Index group = 4)
      : BlockAttentionResiduals(Norm(dim), LastNorm(dim), group) {}
  /// With norms of your choice, and the epsilon of the keys'.
  BlockAttentionResiduals(Norm n, LastNorm last_norm, Index group, S key_epsilon = S(1e-5))
      : AttentionResidualsBy<S, GroupsOfBlocks, Norm, LastNorm>{n, last_norm, {n.dim, key_epsilon}, {group}} {}
};

}  // namespace residual
