#pragma once

#include "residual/layers/attention.hpp"
#include "residual/layers/linear.hpp"

namespace residual {

/// Multi-head self-attention, Vaswani et al. 2017 (arXiv:1706.03762):
///
///     [q k v] = x W_in + b_in,   y = Attention(q, k, v) W_out + b_out
template <class S>
struct SelfAttention {
  using Scalar = S;
  static constexpr const char* name = "self_attn.";
  static constexpr bool mixes_tokens = true;
  Index dim, heads;
  bool causal = false;
  bool bias = true;
  double dropout = 0;
  bool operator==(const SelfAttention&) const = default;
  void check() const {
    expect_heads("SelfAttention", dim, heads);
    expect_rate("SelfAttention: attention_dropout", dropout);
  }

  Linear<S> in_proj() const { return {dim, 3 * dim, bias}; }
  Linear<S> out_proj() const { return {dim, dim, bias}; }
  Attention<S> attention() const { return {heads, dim / heads, causal, dropout}; }

  struct Params {
    typename Linear<S>::Params in_proj, out_proj;
    void carve(Carver<S>& c, const SelfAttention& f) {
      const std::initializer_list<TensorPart> qkv = {
          {"q", f.dim, Projection::query}, {"k", f.dim, Projection::key}, {"v", f.dim, Projection::value}};
      c("in_proj_", in_proj, f.in_proj(), qkv);
      c("out_proj.", out_proj, f.out_proj(), Projection::output);
    }
  };
  struct Tape {
    TokensView<S> qkv, o, l;
    void carve(Carver<S>& c, const SelfAttention& f, const Pass<S>& pass) {
      c("qkv", qkv, pass.tokens(), 3 * f.dim);
      c("o", o, pass.kept_tokens(), f.dim);
      c("l", l, pass.tokens(), f.heads);
    }
  };
  /// The keys and values of all tokens so far.
  struct Cache {
    TokensView<S> kv;
    void carve(Carver<S>& c, const SelfAttention& f, const CacheRows& rows) {
      expect(
          f.causal,
          "SelfAttention: it is not causal, so a new token would change what was computed for those before; make the "
          "model with .causal = true to decode step by step.");
      c("kv", kv, rows.tokens, 2 * f.dim);
    }
    void copy(Index from, Index to, Index count) { kv.middleRows(to, count) = kv.middleRows(from, count); }
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("SelfAttention: x", x, pass.tokens(), dim);
    expect_shape("SelfAttention: y", y, pass.tokens(), dim);
    affine<S>(pass.executor, x, p.in_proj.weight, p.in_proj.bias, t.qkv);
    attend(p, t, pass, pass.batch, In<S>(t.qkv).cols_from(dim, 2 * dim), y);
  }
  /// `forward` where the tokens continue the pass's context, whose keys and values lie in the cache; theirs join them.
  void step(const Params& p, Tape& t, Cache& cache, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("SelfAttention: x", x, pass.tokens(), dim);
    expect_shape("SelfAttention: y", y, pass.tokens(), dim);
    affine<S>(pass.executor, x, p.in_proj.weight, p.in_proj.bias, t.qkv);
    const CachedKeys& keys = pass.context->tokens;
    for (Index i = 0; i < pass.batch.sequences(); ++i) {
      cache.kv.middleRows(keys.begin(i) + pass.earlier(i), pass.batch.length(i)) =
          t.qkv.middleRows(pass.batch.begin(i), pass.batch.length(i)).rightCols(2 * dim);
    }
    attend(p, t, pass, keys, cache.kv, y);
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("SelfAttention: dy", dy, pass.tokens(), dim);
    expect_shape("SelfAttention: dx", dx, pass.tokens(), dim);
    auto d_o = pass.workspace.temp(dy.rows(), dim), dqkv_memory = pass.workspace.temp(dy.rows(), 3 * dim);
    affine_pull<S>(pass.executor, t.o, p.out_proj.weight, dy, d_o, g.out_proj.weight, g.out_proj.bias,
                   Write::overwrite);
    const In<S> qkv = t.qkv;
    Out<S> dqkv = dqkv_memory;
    attention().backward(pass, pass.batch, pass.attn_mask, qkv.cols_from(0, dim), qkv.cols_from(dim, dim),
                         qkv.cols_from(2 * dim, dim), t.o, t.l, d_o, dqkv.cols_from(0, dim), dqkv.cols_from(dim, dim),
                         dqkv.cols_from(2 * dim, dim));
    affine_pull<S>(pass.executor, x, p.in_proj.weight, dqkv, dx, g.in_proj.weight, g.in_proj.bias);
  }

 private:
  /// y = Attention(q, k, v) W_out + b_out. Where nothing is kept, o lies in y and then, for the product, in q.
  template <class Keys>
  void attend(const Params& p, Tape& t, const Pass<S>& pass, const Keys& keys, In<S> kv, Out<S> y) const {
    Out<S> q = Out<S>(t.qkv).cols_from(0, dim), o = pass.keep ? Out<S>(t.o) : y;
    attention().forward(pass, keys, pass.attn_mask, q, kv.cols_from(0, dim), kv.cols_from(dim, dim), o, t.l);
    affine<S>(pass.executor, pass.keep ? In<S>(o) : pass.copied(o, q), p.out_proj.weight, p.out_proj.bias, y);
  }
};

}  // namespace residual
