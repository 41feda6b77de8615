#pragma once

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <type_traits>
#include <vector>

#include "residual/layers/attention/cached_heads.hpp"
#include "residual/layers/attention/gated_prompts.hpp"
#include "residual/layers/attention/maps.hpp"
#include "residual/layers/channel.hpp"
#include "residual/layers/identity.hpp"

namespace residual {

/// What can stand between the heads' outputs and their projection: a norm, or prompts.
template <class I>
concept AttentionInner = Norm<I> || std::same_as<I, GatedPrompts<typename I::Scalar>>;

/// Multi-head self-attention, Vaswani et al. 2017 (arXiv:1706.03762), with maps before the softmax:
///
///     [q k v] = x W_in + b_in,   q, k, v = Maps(q, k, v),   y = Attention(q, k, v) W_out + b_out
///
///     SelfAttentionWith<float, QKNorm<float>, Rotary<float>>{.dim = 64, .heads = 4, .maps = {QKNorm<float>(..), ..}}
///
/// With Inner between, y = Inner(Attention(q, k, v)) W_out + b_out: a norm is Sub-LN (arXiv:2210.06423), GatedPrompts are
/// LLaMA-Adapter's.
template <class S, AttentionInner Inner, AttentionMap... Maps>
struct SelfAttentionOf {
  using Scalar = S;
  static constexpr bool has_inner = !std::same_as<Inner, Identity<S>>;
  static constexpr bool has_prompts = std::same_as<Inner, GatedPrompts<S>>;
  static constexpr bool blocks_differ = has_prompts;  ///< whether Params::carve takes the block of a stack
  static constexpr const char* name = "self_attn.";
  static constexpr bool mixes_tokens = true;
  Index dim;                            ///< features of a token, of x and of y
  Index heads;                          ///< of the queries
  bool causal = false;                  ///< no token sees a later one
  bool bias = true;                     ///< of all four projections
  double dropout = 0;                   ///< the share of the attention weights that training drops
  Index kv_heads = 0;                   ///< key and value heads; 0: as many as heads
  Index head_dim = 0;                   ///< columns of a head; 0: dim / heads
  std::optional<bool> qkv_bias = {};    ///< of q, k and v, where it differs from `bias`
  Index window = 0, chunk = 0;          ///< see Reach
  std::vector<bool> windowed = {};      ///< block b of a stack has the window where entry b mod size is set; empty: all
  Scores scores = {};                   ///< how q . k becomes a logit
  bool sinks = false;                   ///< a learned logit a head that has no value, in the softmax's sum
  Inner inner = default_part<Inner>();  ///< as wide as all heads together
  std::tuple<Maps...> maps = default_part<std::tuple<Maps...>>();
  bool operator==(const SelfAttentionOf&) const = default;
  void check() const {
    const Heads h = shape();
    expect_rate("SelfAttention: attention_dropout", dropout);
    Reach{causal, window, chunk}.check("SelfAttention");
    expect(window > 0 || windowed.empty(), "SelfAttention: windowed says which of ", windowed.size(),
           " blocks have the window, but window is 0; give the window, or leave `windowed` empty.");
    scores.check<S>("SelfAttention");
    if constexpr (has_prompts) {
      inner.check(multi_head());
    } else {
      inner.check();
    }
    if constexpr (!has_prompts && requires { inner.dim; }) {
      expect(inner.dim == h.q_width(), "SelfAttention: its inner norm is ", inner.dim, " wide, but all heads together ",
             h.q_width(), "; make it as wide.");
    }
    std::apply([&](const auto&... map) { (map.check(h), ...); }, maps);
  }

  Heads shape() const { return expect_heads("SelfAttention", dim, heads, kv_heads, head_dim); }
  Reach reach(Index block) const {
    const bool has_window = windowed.empty() || windowed[std::size_t(block) % windowed.size()];
    return {causal, has_window ? window : 0, chunk};
  }
  /// The most tokens in front of a step's that the step, of whole chunks, reads in a block. Throws unless it has a window.
  Index look_back(Index block) const {
    const Reach seen = reach(block);
    expect(seen.window > 0, "SelfAttention: block ", block,
           " has no window, so an endless decoding would have to keep all tokens; make the model with .window = n in "
           "every block, or the decoding with a Capacity.");
    constexpr Index unseen = HeadLogits<S>::most_unseen;
    const Index in_front = seen.chunk > 0 ? seen.window : seen.window - 1;  // of a chunk, or of a query
    return std::min(in_front, std::numeric_limits<Index>::max() - unseen) + unseen;
  }
  MultiHead<S> multi_head(Index block = 0) const {
    return {dim, {shape(), reach(block), scores, dropout}, qkv_bias.value_or(bias), bias};
  }

  struct Params : MultiHead<S>::Params {
    RowView<S> sinks;
    typename Inner::Params inner;
    std::tuple<typename Maps::Params...> maps;
    void carve(Carver<S>& c, const SelfAttentionOf& f, [[maybe_unused]] Index block = 0) {
      MultiHead<S>::Params::carve(c, f.multi_head());
      c("sinks", sinks, f.sinks ? f.heads : 0);
      if constexpr (has_prompts) {
        c("", inner, f.inner, block);
      } else {
        c("inner_attn_ln.", inner, f.inner);
      }
      each_map([&](auto i) { std::get<i>(maps).carve(c, std::get<i>(f.maps)); });
    }
  };
  /// What passes from block to block, by the maps' channels.
  struct MapChannels {
    std::tuple<ChannelOf<Maps>...> maps;
    void carve(Carver<S>& c, const SelfAttentionOf& f, const Pass<S>& pass) {
      each_channel([&](auto i) { std::get<i>(maps).carve(c, std::get<i>(f.maps), pass, f.shape()); });
    }
    void clear() {
      each_channel([&](auto i) { std::get<i>(maps).clear(); });
    }
  };
  using Channel = std::conditional_t<(Channelled<Maps> || ...), MapChannels, NoChannel>;
  struct Tape {
    TokensView<S> qkv, o, stats;
    typename Inner::Tape inner;
    std::tuple<typename Maps::Tape...> maps;
    void carve(Carver<S>& c, const SelfAttentionOf& f, const Pass<S>& pass) {
      const Heads h = f.shape();
      c("qkv", qkv, pass.tokens(), h.width());
      c("o", o, pass.kept_tokens(), h.q_width());
      c("stats", stats, pass.tokens(), 2 * h.heads);
      if constexpr (has_prompts) {
        c("", inner, f.inner, pass, h);
      } else {
        c("", inner, f.inner, pass);
      }
      each_map([&](auto i) { std::get<i>(maps).carve(c, std::get<i>(f.maps), pass, h); });
    }
    void join(MapChannels& channel) {
      each_channel([&](auto i) { std::get<i>(maps).join(std::get<i>(channel.maps)); });
    }
  };
  /// The keys, as they enter the softmax, and values of all tokens so far.
  struct Cache : CachedHeads<S> {
    void carve(Carver<S>& c, const SelfAttentionOf& f, const CacheRows& rows) {
      expect(
          f.reach(0).streams(),
          "SelfAttention: it is not causal, so a new token would change what was computed for those before; make the "
          "model with .causal = true to decode step by step.");
      CachedHeads<S>::carve(c, f.shape(), rows.tokens);
    }
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    const auto m = multi_head(pass.block);
    project(m, p, t, pass, x, y);
    attend(m, p, t, pass, pass.batch, split(In<S>(t.qkv), m.heads()), y);
  }
  /// `forward` where the tokens continue the pass's context, whose keys and values lie in the cache; theirs join them.
  void step(const Params& p, Tape& t, Cache& cache, const Pass<S>& pass, In<S> x, Out<S> y) const {
    const auto m = multi_head(pass.block);
    const Index q = m.heads().q_width(), kv = m.heads().kv_width();
    const CachedKeys& keys = pass.context->tokens;
    for (Index i = 0; chunk > 0 && i < pass.batch.sequences(); ++i) {
      expect(pass.batch.length(i) == 0 || pass.earlier(i) % chunk == 0, "SelfAttention: sequence ", i, " has ",
             counted(pass.earlier(i), "token"), ", but it reads in chunks of ", chunk,
             ", so all steps but the last must end where a chunk does.");
    }
    project(m, p, t, pass, x, y);
    for (Index i = 0; i < pass.batch.sequences(); ++i) {
      const In<S> own = In<S>(t.qkv).rows_from(pass.batch.begin(i), pass.batch.length(i));
      cache.write(keys.begin(i) + pass.earlier(i), own.cols_from(q, 2 * kv));
    }
    attend(m, p, t, pass, keys, cache.with(In<S>(t.qkv).cols_from(0, q)), y);
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("SelfAttention: dy", dy, pass.tokens(), dim);
    expect_shape("SelfAttention: dx", dx, pass.tokens(), dim);
    const auto m = multi_head(pass.block);
    const Heads& h = m.heads();
    auto d_o = pass.workspace.temp(dy.rows(), h.q_width()), dqkv_memory = pass.workspace.temp(dy.rows(), h.width());
    pull_output(p, t, pass, dy, d_o, g);
    Out<S> dqkv = dqkv_memory;
    const QKV<Out<S>> d = split(dqkv, h);
    m.attention.backward(pass, pass.batch, pass.attn_mask, split(In<S>(t.qkv), h), t.o, t.stats, d_o, d, p.sinks,
                         g.sinks);
    if constexpr (has_prompts)
      inner.backward(p.inner, t.inner, pass, m, p, split(In<S>(t.qkv), h).q, d_o, d.q, g.inner, g);
    each_map([&](auto i) {
      constexpr auto last = std::integral_constant<std::size_t, sizeof...(Maps) - 1 - i>();
      std::get<last>(maps).backward(std::get<last>(p.maps), std::get<last>(t.maps), pass, h, d, std::get<last>(g.maps));
    });
    m.project_pull(p, pass, 0, h.width(), x, dqkv, dx, g);
  }

 private:
  /// visit(0), visit(1), ... for all maps.
  template <class Visit>
  static void each_map(Visit&& visit) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (visit(std::integral_constant<std::size_t, I>()), ...); }
    (std::index_sequence_for<Maps...>());
  }
  /// That for the maps with a channel.
  template <class Visit>
  static void each_channel(Visit&& visit) {
    each_map([&](auto i) {
      if constexpr (Channelled<std::tuple_element_t<i, std::tuple<Maps...>>>) visit(i);
    });
  }
  /// q, k and v on the tape, after the maps.
  void project(const MultiHead<S>& m, const Params& p, Tape& t, const Pass<S>& pass, In<S> x, In<S> y) const {
    expect_shape("SelfAttention: x", x, pass.tokens(), dim);
    expect_shape("SelfAttention: y", y, pass.tokens(), dim);
    m.project(p, pass, 0, m.heads().width(), x, t.qkv);
    const QKV<Out<S>> qkv = split(Out<S>(t.qkv), m.heads());
    each_map(
        [&](auto i) { std::get<i>(maps).forward(std::get<i>(p.maps), std::get<i>(t.maps), pass, m.heads(), qkv); });
  }
  template <class Keys>
  void attend(const MultiHead<S>& m, const Params& p, Tape& t, const Pass<S>& pass, const Keys& keys,
              const QKV<In<S>>& qkv, Out<S> y) const {
    const auto inner_of = [&](In<S> o, Out<S> u) {
      if constexpr (!has_inner) return o;
      if constexpr (has_prompts) {
        inner.forward(p.inner, t.inner, pass, m, p, qkv.q, o, u);
      } else {
        inner.forward(p.inner, t.inner, pass, o, u);
      }
      return In<S>(u);
    };
    using Kind = typename MultiHead<S>::Inner;
    m.attend(p, pass, keys, pass.attn_mask, qkv, p.sinks, split(Out<S>(t.qkv), m.heads()).q, t.o, t.stats, y, inner_of,
             has_prompts ? Kind::of_o_and_q
             : has_inner ? Kind::of_o
                         : Kind::none);
  }
  /// d_o, the gradient of the heads' outputs; adds to those of the inner norm and of the output's projection.
  void pull_output(const Params& p, const Tape& t, const Pass<S>& pass, In<S> dy, Out<S> d_o, Params& g) const {
    if constexpr (has_prompts) {
      auto u = pass.workspace.temp(t.o.rows(), t.o.cols());
      inner.output(p.inner, t.inner, pass, multi_head(), t.o, u);
      affine_pull<S>(pass.executor, u, p.out_proj.weight, dy, d_o, g.out_proj.weight, g.out_proj.bias,
                     Write::overwrite);
    } else if constexpr (has_inner) {
      auto u = pass.workspace.temp(t.o.rows(), t.o.cols()), du = pass.workspace.temp(t.o.rows(), t.o.cols());
      affine_pull<S>(pass.executor, inner.output(p.inner, t.inner, pass, u), p.out_proj.weight, dy, du,
                     g.out_proj.weight, g.out_proj.bias, Write::overwrite);
      d_o.setZero();
      inner.backward(p.inner, t.inner, pass, du, d_o, g.inner);
    } else {
      affine_pull<S>(pass.executor, t.o, p.out_proj.weight, dy, d_o, g.out_proj.weight, g.out_proj.bias,
                     Write::overwrite);
    }
  }
};

/// Self-attention with maps of queries, keys and values.
template <class S, AttentionMap... Maps>
using SelfAttentionWith = SelfAttentionOf<S, Identity<S>, Maps...>;
/// Self-attention whose queries and keys are the projections themselves.
template <class S>
using SelfAttention = SelfAttentionOf<S, Identity<S>>;

}  // namespace residual
