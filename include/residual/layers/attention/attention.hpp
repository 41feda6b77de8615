#pragma once

#include "residual/kernel/gemm.hpp"
#include "residual/layers/attention/heads.hpp"
#include "residual/layers/attention/online_softmax.hpp"
#include "residual/layers/attention/reach.hpp"
#include "residual/layers/attention/scores.hpp"
#include "residual/layers/attention/tile.hpp"
#include "residual/layers/dropout.hpp"

namespace residual {

/// Keys that all sequences share, such as prompts: `count` rows, all visible.
struct SharedKeys {
  Index count, readers;  ///< keys; sequences that read them

  Index sequences() const { return readers; }
  Index begin(Index) const { return 0; }
  Index length(Index) const { return count; }
  Index longest() const { return count; }
  const std::uint8_t* hidden_rows() const { return nullptr; }
};

/// Scaled dot-product attention, Vaswani et al. 2017 (arXiv:1706.03762), for each sequence and head:
///
///     s_ij = q_i . k_j / sqrt(d_head) + mask_ij,   p_ij = e^(s_ij - m_i) / sum_j e^(s_ij - m_i),   o_i = sum_j p_ij v_j
///
/// where m_i is the highest s_ij; backward:
///
///     dv_j = sum_i p_ij do_i,   ds_ij = p_ij (do_i . v_j - do_i . o_i) / sqrt(d_head),
///     dq_i = sum_j ds_ij k_j,   dk_j = sum_i ds_ij q_i
///
/// in tiles of queries x keys (Dao et al. 2022, arXiv:2205.14135): only m and the sum are kept, p is computed again on the
/// way back. A key is visible when it is within reach, not hidden by its batch, and the mask is not -infinity. A query that
/// sees no key has o = 0 and passes no gradient; a key whose p is 0 passes nothing, whatever its value.
template <class S>
struct Attention {
  Heads heads;
  Reach reach = {};
  Scores scores = {};
  double dropout = 0;

  static constexpr Index query_block = AttentionTile<S>::queries, key_block = AttentionTile<S>::keys;

  /// Overwrites o [queries x heads d_head] and stats [queries x 2 heads], which backward reads. Sequence i of the pass's
  /// batch attends to sequence i of `keys`: a Batch, CachedKeys or SharedKeys. `sinks` is empty or one logit a head, which
  /// joins the sum but has no value (attention sinks, Xiao et al. 2023, arXiv:2309.17453).
  template <class Keys>
  void forward(const Pass<S>& pass, const Keys& keys, const Mask<S>& mask, const QKV<In<S>>& qkv, Out<S> o,
               Out<S> stats, In<S> sinks = {}) const {
    const Index size = queries_at_a_time(pass), blocks = (pass.batch.longest() + size - 1) / size;
    run(pass, keys, pass.batch.sequences() * heads.heads * blocks, [&](Index task) {
      const Index block = task % blocks, head = task / blocks % heads.heads, sequence = task / blocks / heads.heads;
      const Index first = block * size, rows = std::min(size, pass.batch.length(sequence) - first);
      if (rows <= 0) return;
      const Tile tile(*this, pass, keys, mask, sequence, head);
      tile.forward(first, rows, qkv, o, stats, sinks);
    });
  }

  /// Overwrites dq, dk, dv and adds to dsinks; the rest as `forward` had and left it.
  template <class Keys>
  void backward(const Pass<S>& pass, const Keys& keys, const Mask<S>& mask, const QKV<In<S>>& qkv, In<S> o, In<S> stats,
                In<S> d_o, const QKV<Out<S>>& dqkv, In<S> sinks = {}, Out<S> dsinks = {}) const {
    constexpr bool shared = std::same_as<Keys, SharedKeys>;
    if (pass.batch.sequences() == 0) return clear(dqkv);
    const Index readers = shared ? pass.batch.sequences() : 1, owners = shared ? 1 : pass.batch.sequences();
    auto dsink = pass.workspace.zeros(pass.batch.sequences(), sinks.cols());
    run(pass, keys, owners * heads.kv_heads, [&](Index task) {
      const Index owner = task / heads.kv_heads, kv_head = task % heads.kv_heads;
      const auto pull = [&](bool guarded) {
        bool finite = true;
        for (Index reader = 0; reader < readers; ++reader) {
          for (Index h = kv_head * heads.group(); h < (kv_head + 1) * heads.group(); ++h) {
            const Index sequence = owner + reader;
            const Tile tile(*this, pass, keys, mask, sequence, h);
            if (reader == 0 && h % heads.group() == 0) tile.clear_keys(dqkv);
            S* d = sinks.cols() > 0 ? &dsink(sequence, h) : nullptr;
            finite = tile.backward(guarded, qkv, o, stats, d_o, dqkv, sinks, d) && finite;
          }
        }
        return finite;
      };
      if (!pull(false)) pull(true);
    });
    for (Index i = 0; sinks.cols() > 0 && i < dsink.rows(); ++i) dsinks.row(0) += dsink.row(i);
  }

 private:
  using Tile = AttentionTile<S>;

  /// Queries of a task in forward, which changes no bit: many, since each task packs all keys and values that it sees; few
  /// where there would not be enough tasks for all threads, or where a window moves with the query.
  Index queries_at_a_time(const Pass<S>& pass) const {
    if (reach.window > 0) return query_block;
    const Index all = pass.batch.sequences() * heads.heads * pass.batch.longest();
    return std::clamp(all / (4 * threads_of(pass.executor)) / query_block * query_block, query_block,
                      Tile::most_queries);
  }

  /// Of a batch without sequences.
  static void clear(QKV<Out<S>> dqkv) {
    dqkv.k.setZero();
    dqkv.v.setZero();
  }

  /// Spreads the tasks over threads from 2^17 multiplications of Q K^T on. In a step of decoding, whose keys and values come
  /// from memory, 2^12 are enough, and each thread takes tasks that follow each other, since one is too short to be dealt out.
  template <class Keys>
  void run(const Pass<S>& pass, const Keys& keys, Index tasks, Task task) const {
    double work = 0;
    for (Index i = 0; i < pass.batch.sequences(); ++i)
      work += double(pass.batch.length(i)) * double(reach.most(keys.length(i)));
    work *= double(heads.q_width());
    if (work > (1 << 17)) return pass.executor.run(tasks, task);
    const bool shared = pass.context != nullptr && work > (1 << 12);
    parallel_ranges(shared ? pass.executor : Serial::instance(), tasks, 1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) task(i);
    });
  }
};

}  // namespace residual
