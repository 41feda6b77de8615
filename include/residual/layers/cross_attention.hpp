#pragma once

#include "residual/layers/attention.hpp"
#include "residual/layers/linear.hpp"

namespace residual {

/// Multi-head attention to the encoder's output m, Vaswani et al. 2017 (arXiv:1706.03762):
///
///     q = x W_q + b_q,   [k v] = m W_kv + b_kv,   y = Attention(q, k, v) W_out + b_out
///
/// where in_proj holds [W_q W_kv]. Sequence i of the batch reads sequence i of the memory. backward adds to the pass's
/// dmemory too.
template <class S>
struct CrossAttention {
  using Scalar = S;
  static constexpr const char* name = "multihead_attn.";
  static constexpr bool mixes_tokens = true;
  static constexpr bool reads_memory = true;
  Index dim, heads;
  bool bias = true;
  double dropout = 0;
  bool operator==(const CrossAttention&) const = default;
  void check() const {
    expect_heads("CrossAttention", dim, heads);
    expect_rate("CrossAttention: attention_dropout", dropout);
  }

  Linear<S> in_proj() const { return {dim, 3 * dim, bias}; }
  Linear<S> out_proj() const { return {dim, dim, bias}; }
  Attention<S> attention() const { return {heads, dim / heads, false, dropout}; }

  struct Params {
    typename Linear<S>::Params in_proj, out_proj;
    void carve(Carver<S>& c, const CrossAttention& f) {
      const std::initializer_list<TensorPart> qkv = {
          {"q", f.dim, Projection::query}, {"k", f.dim, Projection::key}, {"v", f.dim, Projection::value}};
      c("in_proj_", in_proj, f.in_proj(), qkv);
      c("out_proj.", out_proj, f.out_proj(), Projection::output);
    }
  };
  struct Tape {
    TokensView<S> memory, q, kv, o, l;
    void carve(Carver<S>& c, const CrossAttention& f, const Pass<S>& pass) {
      c("memory", memory, pass.memory_batch.hides() ? pass.memory.rows() : 0, f.dim);
      c("q", q, pass.tokens(), f.dim);
      c("kv", kv, pass.memory.rows(), 2 * f.dim);
      c("o", o, pass.kept_tokens(), f.dim);
      c("l", l, pass.tokens(), f.heads);
    }
  };
  /// The keys and values of the memory, which sequences share: so none is copied.
  struct Cache {
    TokensView<S> kv;
    void carve(Carver<S>& c, const CrossAttention& f, const CacheRows& rows) { c("kv", kv, rows.memory, 2 * f.dim); }
    void copy(Index, Index, Index) {}
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("CrossAttention: x", x, pass.tokens(), dim);
    expect_shape("CrossAttention: y", y, pass.tokens(), dim);
    read_memory(p, t, pass, t.kv);
    attend(p, t, pass, pass.memory_batch, x, t.kv, y);
  }
  /// `forward` where the cache holds what `remember` found in the memory.
  void step(const Params& p, Tape& t, Cache& cache, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("CrossAttention: x", x, pass.tokens(), dim);
    expect_shape("CrossAttention: y", y, pass.tokens(), dim);
    attend(p, t, pass, pass.context->memory, x, cache.kv, y);
  }
  /// Computes the keys and values of the pass's memory, for all steps to come.
  void remember(const Params& p, Tape& t, Cache& cache, const Pass<S>& pass) const {
    read_memory(p, t, pass, cache.kv);
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("CrossAttention: dy", dy, pass.tokens(), dim);
    expect_shape("CrossAttention: dx", dx, pass.tokens(), dim);
    auto d_o = pass.workspace.temp(dy.rows(), dim), dq = pass.workspace.temp(dy.rows(), dim),
         dkv_memory = pass.workspace.temp(pass.memory.rows(), 2 * dim);
    affine_pull<S>(pass.executor, t.o, p.out_proj.weight, dy, d_o, g.out_proj.weight, g.out_proj.bias,
                   Write::overwrite);
    const In<S> kv = t.kv;
    Out<S> dkv = dkv_memory;
    attention().backward(pass, pass.memory_batch, pass.memory_mask, t.q, kv.cols_from(0, dim), kv.cols_from(dim, dim),
                         t.o, t.l, d_o, dq, dkv.cols_from(0, dim), dkv.cols_from(dim, dim));
    const In<S> W = p.in_proj.weight;
    Out<S> dW = g.in_proj.weight, db = g.in_proj.bias;
    const Index bq = bias ? dim : 0;
    affine_pull<S>(pass.executor, x, W.cols_from(0, dim), dq, dx, dW.cols_from(0, dim), db.cols_from(0, bq));
    affine_pull<S>(pass.executor, pass.memory_batch.hides() ? In<S>(t.memory) : pass.memory, W.cols_from(dim, 2 * dim),
                   dkv, pass.dmemory, dW.cols_from(dim, 2 * dim), db.cols_from(bq, 2 * bq));
  }

 private:
  /// [k v] = m W_kv + b_kv.
  void read_memory(const Params& p, Tape& t, const Pass<S>& pass, Out<S> kv) const {
    const Weight<S> W = p.in_proj.weight;
    const In<S> b = p.in_proj.bias;
    const Index bq = bias ? dim : 0;
    affine<S>(pass.executor, visible_memory(t, pass), W.cols_from(dim, 2 * dim), b.cols_from(bq, 2 * bq), kv);
  }
  /// y = Attention(x W_q + b_q, k, v) W_out + b_out. Where nothing is kept, o lies in y and then, for the product, in q.
  template <class Keys>
  void attend(const Params& p, Tape& t, const Pass<S>& pass, const Keys& keys, In<S> x, In<S> kv, Out<S> y) const {
    const Weight<S> W = p.in_proj.weight;
    const In<S> b = p.in_proj.bias;
    affine<S>(pass.executor, x, W.cols_from(0, dim), b.cols_from(0, bias ? dim : 0), t.q);
    Out<S> o = pass.keep ? Out<S>(t.o) : y;
    attention().forward(pass, keys, pass.memory_mask, t.q, kv.cols_from(0, dim), kv.cols_from(dim, dim), o, t.l);
    affine<S>(pass.executor, pass.keep ? In<S>(o) : pass.copied(o, t.q), p.out_proj.weight, p.out_proj.bias, y);
  }

  /// The memory with zeros for hidden tokens, so that what stands there reaches no gradient.
  static In<S> visible_memory(Tape& t, const Pass<S>& pass) {
    if (!pass.memory_batch.hides()) return pass.memory;
    t.memory = pass.memory;
    const std::uint8_t* hidden = pass.memory_batch.hidden(0);
    for (Index i = 0; i < t.memory.rows(); ++i) {
      if (hidden[i] != 0) t.memory.row(i).setZero();
    }
    return t.memory;
  }
};

}  // namespace residual
