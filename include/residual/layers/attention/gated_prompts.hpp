#pragma once

#include "residual/layers/attention/multi_head.hpp"

namespace residual {

/// The zero-gated prompts of LLaMA-Adapter, Zhang et al. 2023 (arXiv:2303.16199): every query attends to learned prompts P
/// too, in a softmax of their own, whose keys and values the attention's own weights make and no map changes; for head h
///
///     u_h = o_h + tanh(gate_h) Attention(q_h, P W_k + b_k, P W_v + b_v)
///
/// The inner part of SelfAttention: SelfAttentionOf<S, GatedPrompts<S>, Maps...>. Gates begin at 0, where u = o.
template <class S>
struct GatedPrompts {
  using Scalar = S;
  Index dim;        ///< features of a prompt: the attention's
  Index heads;      ///< the attention's, a gate each
  Index count;      ///< prompts
  Index first = 0;  ///< the first block of a stack that has prompts
  bool operator==(const GatedPrompts&) const = default;
  void check(const MultiHead<S>& m) const {
    expect(dim == m.dim && heads == m.heads().heads, "GatedPrompts: dim ", dim, ", heads ", heads,
           ", but the attention has dim ", m.dim, ", heads ", m.heads().heads, "; give both the same.");
    expect(count >= 0 && first >= 0, "GatedPrompts: count ", count, ", first ", first, ", but both must be 0 or more.");
  }

  struct Params {
    TokensView<S> prompt;
    RowView<S> gate;
    void carve(Carver<S>& c, const GatedPrompts& g, Index block) {
      const bool has = block >= g.first && g.count > 0;
      c.table("adapter_prompt", prompt, has ? g.count : 0, g.dim);
      c("adapter_gate", gate, has ? g.heads : 0);
    }
  };
  struct Tape {
    TokensView<S> kv, o, stats;
    void carve(Carver<S>& c, const GatedPrompts& g, const Pass<S>& pass, const Heads& h) {
      const Index tokens = pass.block >= g.first && g.count > 0 ? pass.tokens() : 0;
      c("prompt_kv", kv, tokens > 0 ? g.count : 0, 2 * h.kv_width());
      c("prompt_o", o, tokens, h.q_width());
      c("prompt_stats", stats, tokens, 2 * h.heads);
    }
  };

  /// u = o + tanh(gate) times the prompts' part, for the queries q that o belongs to; `own` are the attention's parameters.
  void forward(const Params& p, Tape& t, const Pass<S>& pass, const MultiHead<S>& m,
               const typename MultiHead<S>::Params& own, In<S> q, In<S> o, Out<S> u) const {
    if (t.o.rows() > 0) {
      m.project(own, pass, m.heads().q_width(), 2 * m.heads().kv_width(), p.prompt, t.kv);
      of_prompts(m).forward(pass, keys(pass), {}, with_prompts(q, t, m), t.o, t.stats);
    }
    output(p, t, pass, m, o, u);
  }
  /// What `forward` wrote to u, bit for bit.
  void output(const Params& p, const Tape& t, const Pass<S>& pass, const MultiHead<S>& m, In<S> o, Out<S> u) const {
    const bool has = t.o.rows() > 0;
    const Index width = m.heads().head_dim;
    parallel_ranges(pass.executor, o.rows(), row_grain(o.cols()), [&](Index begin, Index end) {
      const Index rows = end - begin;
      for (Index h = 0; h < heads; ++h) {
        auto to = u.block(begin, h * width, rows, width);
        to = o.block(begin, h * width, rows, width);
        if (has) to += tanh_of(p.gate[h]) * t.o.block(begin, h * width, rows, width);
      }
    });
  }
  /// Adds to dq, to the gradients of prompts and gates and to those of the attention's own W_k, W_v, b_k, b_v what du, the
  /// gradient of u, gives them; that of o is du itself.
  void backward(const Params& p, const Tape& t, const Pass<S>& pass, const MultiHead<S>& m,
                const typename MultiHead<S>::Params& own, In<S> q, In<S> du, Out<S> dq, Params& g,
                typename MultiHead<S>::Params& down) const {
    if (t.o.rows() == 0) return;
    const Heads& h = m.heads();
    const Index width = h.head_dim;
    auto d_o = pass.workspace.temp(du.rows(), h.q_width()), dq_prompts = pass.workspace.temp(du.rows(), h.q_width()),
         dkv_memory = pass.workspace.temp(count, 2 * h.kv_width());
    for (Index head = 0; head < heads; ++head) {
      const S gate = tanh_of(p.gate[head]);
      S slope = 0;
      for (Index i = 0; i < du.rows(); ++i) {
        slope += row_dot(du.row_data(i) + head * width, std::as_const(t.o).row(i).data() + head * width, width);
      }
      g.gate[head] += (S(1) - gate * gate) * slope;
      d_o.middleCols(head * width, width) = gate * du.middleCols(head * width, width);
    }
    Out<S> dkv = dkv_memory;
    of_prompts(m).backward(pass, keys(pass), {}, with_prompts(q, t, m), t.o, t.stats, d_o,
                           {dq_prompts, dkv.cols_from(0, h.kv_width()), dkv.cols_from(h.kv_width(), h.kv_width())});
    dq += dq_prompts;
    m.project_pull(own, pass, h.q_width(), 2 * h.kv_width(), p.prompt, dkv, g.prompt, down);
  }

 private:
  static S tanh_of(S x) {
    using std::tanh;
    return tanh(x);
  }
  /// The prompts' attention: every prompt is visible, and its logits are only divided.
  static Attention<S> of_prompts(const MultiHead<S>& m) { return {m.heads(), {}, {.width = m.attention.scores.width}}; }
  SharedKeys keys(const Pass<S>& pass) const { return {count, pass.batch.sequences()}; }
  static QKV<In<S>> with_prompts(In<S> q, const Tape& t, const MultiHead<S>& m) {
    const In<S> kv = t.kv;
    return {q, kv.cols_from(0, m.heads().kv_width()), kv.cols_from(m.heads().kv_width(), m.heads().kv_width())};
  }
};

}  // namespace residual
