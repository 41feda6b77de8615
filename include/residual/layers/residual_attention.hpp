#pragma once

#include "residual/layers/attention/multi_head.hpp"
#include "residual/layers/channel.hpp"

namespace residual {

/// Residual attention of RealFormer, He et al. 2020 (arXiv:2012.11747): self-attention whose logits are added to those of
/// the block before,
///
///     s_b = q_b k_b^T / sqrt(d_head) + s_(b-1),   y = softmax(s_b) v_b W_out + b_out
///
/// No matrix of logits is stored: s_b is one product of the queries and keys of blocks 0 .. b side by side, so that the
/// logits of block b cost b + 1 times those of a block alone. Masks, the soft cap and ALiBi act on each block's softmax and
/// are not handed on. It computes whole sequences; it does not decode step by step.
template <class S>
struct ResidualAttention {
  using Scalar = S;
  static constexpr const char* name = "self_attn.";
  static constexpr bool mixes_tokens = true;
  Index dim;            ///< features of a token, of x and of y
  Index heads;          ///< of the queries
  Index blocks;         ///< of the stack: its depth
  bool causal = false;  ///< no token sees a later one
  bool bias = true;     ///< of all four projections
  double dropout = 0;   ///< the share of the attention weights that training drops
  Index kv_heads = 0;   ///< key and value heads; 0: as many as heads
  Index head_dim = 0;   ///< columns of a head; 0: dim / heads
  Scores scores = {};   ///< how q . k becomes a logit
  bool operator==(const ResidualAttention&) const = default;
  void check() const {
    const Index width = shape().width();
    expect(blocks >= 1, "ResidualAttention: blocks is ", blocks, ", but it must be the depth of the stack, 1 or more.");
    expect(double(blocks) * double(width) < double(std::numeric_limits<Index>::max() / 2),
           "ResidualAttention: blocks is ", blocks, ", but no memory holds ", width,
           " columns of queries, keys and values of so many; give the depth of the stack.");
    expect_rate("ResidualAttention: attention_dropout", dropout);
    scores.check<S>("ResidualAttention");
  }
  /// Throws unless a stack may be so deep.
  void check_depth(Index depth) const {
    expect(depth <= blocks, "ResidualAttention: it was made for ", counted(blocks, "block"), ", but its stack has ",
           depth, "; make it with .blocks = the depth of its Stack.");
  }

  Heads shape() const { return expect_heads("ResidualAttention", dim, heads, kv_heads, head_dim); }
  MultiHead<S> multi_head() const { return {dim, {shape(), {causal}, scores, dropout}, bias, bias}; }

  struct Params : MultiHead<S>::Params {
    void carve(Carver<S>& c, const ResidualAttention& f) { MultiHead<S>::Params::carve(c, f.multi_head()); }
  };
  /// The queries and keys of all blocks, [tokens x blocks width], and in training their gradients.
  struct Channel {
    TokensView<S> q, k, dq, dk;
    void carve(Carver<S>& c, const ResidualAttention& f, const Pass<S>& pass) {
      const Index q_cols = f.blocks * f.shape().q_width(), k_cols = f.blocks * f.shape().kv_width();
      c("q", q, pass.tokens(), q_cols);
      c("k", k, pass.tokens(), k_cols);
      c("dq", dq, pass.kept_tokens(), q_cols);
      c("dk", dk, pass.kept_tokens(), k_cols);
    }
    void clear() {
      dq.setZero();
      dk.setZero();
    }
  };
  struct Tape {
    Out<S> q, k, dq, dk;  ///< the channel's
    TokensView<S> qkv, o, stats;
    bool joined = false;
    void carve(Carver<S>& c, const ResidualAttention& f, const Pass<S>& pass) {
      c("qkv", qkv, pass.tokens(), f.shape().width());
      c("o", o, pass.tokens(), f.shape().q_width());
      c("stats", stats, pass.tokens(), 2 * f.heads);
    }
    void join(Channel& channel) {
      q.show(channel.q);
      k.show(channel.k);
      dq.show(channel.dq);
      dk.show(channel.dk);
      joined = true;
    }
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("ResidualAttention: x", x, pass.tokens(), dim);
    expect_shape("ResidualAttention: y", y, pass.tokens(), dim);
    expect(t.joined && pass.block < blocks, "ResidualAttention: block ", pass.block,
           " of a stack, but it was made for ", counted(blocks, "block"),
           " of one; make it with .blocks = the depth of its Stack.");
    const auto m = multi_head();
    const Heads h = m.heads();
    m.project(p, pass, 0, h.width(), x, t.qkv);
    const QKV<In<S>> own = split(In<S>(t.qkv), h);
    pass.copied(own.q, t.q.cols_from(pass.block * h.q_width(), h.q_width()));
    pass.copied(own.k, t.k.cols_from(pass.block * h.kv_width(), h.kv_width()));
    const Wide wide(*this, t, pass);
    auto o = pass.workspace.temp(x.rows(), wide.heads.q_width());
    wide.attention.forward(pass, pass.batch, pass.attn_mask, wide.qkv(), o, t.stats);
    each_head(pass, h.heads, [&](Index head) { part(Out<S>(t.o), head, h) = wide.first(In<S>(o), head); });
    affine<S>(pass, t.o, p.out_proj.weight, p.out_proj.bias, y);
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("ResidualAttention: dy", dy, pass.tokens(), dim);
    expect_shape("ResidualAttention: dx", dx, pass.tokens(), dim);
    const auto m = multi_head();
    const Heads h = m.heads();
    const Wide wide(*this, t, pass);
    const Index rows = dy.rows(), q_cols = wide.heads.q_width(), kv_cols = wide.heads.kv_width();
    auto d_o = pass.workspace.temp(rows, h.q_width()), wide_o = pass.workspace.zeros(rows, q_cols),
         dwide_o = pass.workspace.zeros(rows, q_cols), dq = pass.workspace.temp(rows, q_cols),
         dk = pass.workspace.temp(rows, kv_cols), dv = pass.workspace.temp(rows, kv_cols),
         dqkv_memory = pass.workspace.temp(rows, h.width());
    affine_pull<S>(pass.executor, t.o, p.out_proj.weight, dy, d_o, g.out_proj.weight, g.out_proj.bias,
                   Write::overwrite);
    each_head(pass, h.heads, [&](Index head) {
      wide.first(Out<S>(wide_o), head) = part(In<S>(t.o), head, h);
      wide.first(Out<S>(dwide_o), head) = part(In<S>(d_o), head, h);
    });
    wide.attention.backward(pass, pass.batch, pass.attn_mask, wide.qkv(), wide_o, t.stats, dwide_o, {dq, dk, dv});

    const QKV<Out<S>> d = split(Out<S>(dqkv_memory), h);
    const auto own = [&](Out<S> all, Index head, Index width) {
      return all.middleCols(pass.block * width + head * h.head_dim, h.head_dim);
    };
    each_head(pass, h.heads, [&](Index head) {
      wide.add_to(t.dq, dq, head, h.q_width());
      part(d.q, head, h) = own(t.dq, head, h.q_width());
    });
    each_head(pass, h.kv_heads, [&](Index head) {
      wide.add_to(t.dk, dk, head, h.kv_width());
      part(d.k, head, h) = own(t.dk, head, h.kv_width());
      part(d.v, head, h) = wide.first(In<S>(dv), head);
    });
    m.project_pull(p, pass, 0, h.width(), x, dqkv_memory, dx, g);
  }

 private:
  /// The columns of a head; M is In<S> or Out<S>.
  template <class M>
  static auto part(M m, Index head, const Heads& h) {
    return m.middleCols(head * h.head_dim, h.head_dim);
  }
  template <class F>
  static void each_head(const Pass<S>& pass, Index heads, F&& f) {
    pass.executor.run(heads, [&](Index head) { f(head); });
  }

  /// The attention of a block in heads as wide as those of all blocks up to it: queries and keys side by side, values with
  /// zeros behind them.
  struct Wide {
    Index head_dim, blocks;  ///< columns of a block's head; blocks side by side
    Heads heads;
    Attention<S> attention;
    typename Workspace<S>::Temp q, k, v;

    Wide(const ResidualAttention& f, const Tape& t, const Pass<S>& pass)
        : head_dim(f.shape().head_dim),
          blocks(pass.block + 1),
          heads{f.shape().heads, f.shape().kv_heads, blocks * head_dim},
          attention{heads, {f.causal}, f.scores, f.dropout},
          q(pass.workspace.temp(pass.tokens(), heads.q_width())),
          k(pass.workspace.temp(pass.tokens(), heads.kv_width())),
          v(pass.workspace.zeros(pass.tokens(), heads.kv_width())) {
      const Heads h = f.shape();
      if (attention.scores.width == 0) attention.scores.width = double(head_dim);
      each_head(pass, h.heads, [&](Index head) { gather(q, t.q, head, h.q_width()); });
      each_head(pass, h.kv_heads, [&](Index head) {
        gather(k, t.k, head, h.kv_width());
        first(Out<S>(v), head) = part(split(In<S>(t.qkv), h).v, head, h);
      });
    }
    QKV<In<S>> qkv() const { return {q, k, v}; }
    /// The first of a wide head's blocks.
    template <class M>
    auto first(M m, Index head) const {
      return m.middleCols(head * heads.head_dim, head_dim);
    }
    /// A head of all blocks, which lie `width` columns apart, side by side.
    void gather(Out<S> wide, In<S> all, Index head, Index width) const {
      for (Index b = 0; b < blocks; ++b) {
        wide.middleCols(head * heads.head_dim + b * head_dim, head_dim) =
            all.middleCols(b * width + head * head_dim, head_dim);
      }
    }
    /// The other way round, added.
    void add_to(Out<S> all, In<S> wide, Index head, Index width) const {
      for (Index b = 0; b < blocks; ++b) {
        all.middleCols(b * width + head * head_dim, head_dim) +=
            wide.middleCols(head * heads.head_dim + b * head_dim, head_dim);
      }
    }
  };
};

}  // namespace residual
