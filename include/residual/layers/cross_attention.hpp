#pragma once

#include <optional>

#include "residual/layers/attention/cached_heads.hpp"
#include "residual/layers/attention/multi_head.hpp"

namespace residual {

/// Multi-head attention to a memory, the encoder's output, Vaswani et al. 2017 (arXiv:1706.03762):
///
///     q = x W_q + b_q,   [k v] = memory W_kv + b_kv,   y = Attention(q, k, v) W_out + b_out
template <class S>
struct CrossAttention {
  using Scalar = S;
  static constexpr const char* name = "multihead_attn.";
  static constexpr bool mixes_tokens = true;
  static constexpr bool reads_memory = true;
  Index dim;                          ///< features of a token, of x, of the memory and of y
  Index heads;                        ///< of the queries
  bool bias = true;                   ///< of all four projections
  double dropout = 0;                 ///< the share of the attention weights that training drops
  Index kv_heads = 0;                 ///< key and value heads; 0: as many as heads
  Index head_dim = 0;                 ///< columns of a head; 0: dim / heads
  std::optional<bool> qkv_bias = {};  ///< of q, k and v, where it differs from `bias`
  bool operator==(const CrossAttention&) const = default;
  void check() const {
    shape();
    expect_rate("CrossAttention: attention_dropout", dropout);
  }

  Heads shape() const { return expect_heads("CrossAttention", dim, heads, kv_heads, head_dim); }
  MultiHead<S> multi_head() const { return {dim, {shape(), {}, {}, dropout}, qkv_bias.value_or(bias), bias}; }

  struct Params : MultiHead<S>::Params {
    void carve(Carver<S>& c, const CrossAttention& f) { MultiHead<S>::Params::carve(c, f.multi_head()); }
  };
  struct Tape {
    TokensView<S> memory, q, kv, o, stats;
    void carve(Carver<S>& c, const CrossAttention& f, const Pass<S>& pass) {
      const Heads h = f.shape();
      c("memory", memory, pass.memory_batch.hides() ? pass.memory.rows() : 0, f.dim);
      c("q", q, pass.tokens(), h.q_width());
      c("kv", kv, pass.memory.rows(), 2 * h.kv_width());
      c("o", o, pass.kept_tokens(), h.q_width());
      c("stats", stats, pass.tokens(), 2 * h.heads);
    }
  };
  /// The keys and values of the memory, which sequences share: so none is copied.
  struct Cache : CachedHeads<S> {
    void carve(Carver<S>& c, const CrossAttention& f, const CacheRows& rows) {
      CachedHeads<S>::carve(c, f.shape(), rows.memory);
    }
    void copy(Index, Index, Index) {}
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("CrossAttention: x", x, pass.tokens(), dim);
    expect_shape("CrossAttention: y", y, pass.tokens(), dim);
    read_memory(p, t, pass);
    attend(p, t, pass, pass.memory_batch, x, with_keys(t.q, t.kv), y);
  }
  /// `forward` where the cache holds what `remember` found in the memory.
  void step(const Params& p, Tape& t, Cache& cache, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("CrossAttention: x", x, pass.tokens(), dim);
    expect_shape("CrossAttention: y", y, pass.tokens(), dim);
    attend(p, t, pass, pass.context->memory, x, cache.with(t.q), y);
  }
  /// Computes the keys and values of the pass's memory, for all steps to come.
  void remember(const Params& p, Tape& t, Cache& cache, const Pass<S>& pass) const {
    read_memory(p, t, pass);
    cache.write(0, t.kv);
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("CrossAttention: dy", dy, pass.tokens(), dim);
    expect_shape("CrossAttention: dx", dx, pass.tokens(), dim);
    const auto m = multi_head();
    const Index q = m.heads().q_width(), kv = m.heads().kv_width();
    auto d_o = pass.workspace.temp(dy.rows(), q), dq = pass.workspace.temp(dy.rows(), q),
         dkv_memory = pass.workspace.temp(pass.memory.rows(), 2 * kv);
    affine_pull<S>(pass.executor, t.o, p.out_proj.weight, dy, d_o, g.out_proj.weight, g.out_proj.bias,
                   Write::overwrite);
    Out<S> dkv = dkv_memory;
    m.attention.backward(pass, pass.memory_batch, pass.memory_mask, with_keys(t.q, t.kv), t.o, t.stats, d_o,
                         {dq, dkv.cols_from(0, kv), dkv.cols_from(kv, kv)});
    m.project_pull(p, pass, 0, q, x, dq, dx, g);
    m.project_pull(p, pass, q, 2 * kv, pass.memory_batch.hides() ? In<S>(t.memory) : pass.memory, dkv, pass.dmemory, g);
  }

 private:
  static QKV<In<S>> with_keys(In<S> q, In<S> kv) {
    const Index width = kv.cols() / 2;
    return {q, kv.cols_from(0, width), kv.cols_from(width, width)};
  }
  /// [k v] = m W_kv + b_kv, on the tape.
  void read_memory(const Params& p, Tape& t, const Pass<S>& pass) const {
    const auto m = multi_head();
    m.project(p, pass, m.heads().q_width(), 2 * m.heads().kv_width(), visible_memory(t, pass), t.kv);
  }
  /// y = Attention(x W_q + b_q, k, v) W_out + b_out.
  template <class Keys>
  void attend(const Params& p, Tape& t, const Pass<S>& pass, const Keys& keys, In<S> x, const QKV<In<S>>& qkv,
              Out<S> y) const {
    const auto m = multi_head();
    m.project(p, pass, 0, m.heads().q_width(), x, t.q);
    m.attend(
        p, pass, keys, pass.memory_mask, qkv, {}, t.q, t.o, t.stats, y, [](In<S> o, Out<S>) { return o; },
        MultiHead<S>::Inner::none);
  }

  /// The memory with zeros for hidden tokens, so that what stands there reaches no gradient.
  static In<S> visible_memory(Tape& t, const Pass<S>& pass) {
    if (!pass.memory_batch.hides()) return pass.memory;
    t.memory = pass.memory;
    const std::uint8_t* hidden = pass.memory_batch.hidden_rows();
    for (Index i = 0; i < t.memory.rows(); ++i) {
      if (hidden[i] != 0) t.memory.row(i).setZero();
    }
    return t.memory;
  }
};

}  // namespace residual
