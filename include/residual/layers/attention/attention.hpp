#pragma once

#include "residual/kernel/gemm.hpp"
#include "residual/layers/attention/heads.hpp"
#include "residual/layers/attention/key_panels.hpp"
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
/// sees no key has o = 0 and passes no gradient; a key whose p is 0 passes nothing, whatever its value. Logits beyond the
/// largest number of S / 1.4427 count as that, since the softmax is computed by powers of 2.
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
    const auto tile = [&](Index sequence, Index head) { return Tile(*this, pass, keys, mask, sequence, head); };
    const Index size = queries_at_a_time(pass), blocks = (pass.batch.longest() + size - 1) / size;
    run(pass, keys, pass.batch.sequences() * heads.heads * blocks, [&](Index task) {
      const Index block = task % blocks, head = task / blocks % heads.heads, sequence = task / blocks / heads.heads;
      const Index first = block * size, rows = std::min(size, pass.batch.length(sequence) - first);
      if (rows <= 0 || is_long(pass, keys, sequence)) return;
      tile(sequence, head).forward(first, rows, qkv, nullptr, o, stats, sinks);
    });
    const Index parts = 1 + (pass.batch.longest() - 1) / query_block;
    in_waves(pass, keys, 2, heads_at_once(pass, 8, parts * heads.group()), [&](Index count, auto&& long_head) {
      const Index key_blocks = (keys.longest() + key_block - 1) / key_block;
      pass.executor.run(count * key_blocks, [&](Index task) {
        const LongHead h = long_head(task / key_blocks);
        const Index begin = task % key_blocks * key_block;
        if (begin < keys.length(h.sequence)) tile(h.sequence, h.kv_head * heads.group()).pack(begin, qkv, h.panels);
      });
      pass.executor.run(count * heads.group() * parts, [&](Index task) {
        const LongHead h = long_head(task / parts / heads.group());
        const Index first = task % parts * query_block,
                    rows = std::min(query_block, pass.batch.length(h.sequence) - first);
        const Index head = h.kv_head * heads.group() + task / parts % heads.group();
        if (rows > 0) tile(h.sequence, head).forward(first, rows, qkv, h.panels, o, stats, sinks);
      });
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
    const auto tile = [&](Index sequence, Index head) { return Tile(*this, pass, keys, mask, sequence, head); };
    const auto pull = [&](bool guarded, Index owner, Index kv_head, S* panels) {
      bool finite = true;
      for (Index reader = 0; reader < readers; ++reader) {
        for (Index h = kv_head * heads.group(); h < (kv_head + 1) * heads.group(); ++h) {
          const Index sequence = owner + reader;
          if (reader == 0 && h % heads.group() == 0) tile(sequence, h).clear_keys(dqkv);
          S* d = sinks.cols() > 0 ? &dsink(sequence, h) : nullptr;
          finite = tile(sequence, h).backward(guarded, qkv, panels, o, stats, d_o, dqkv, sinks, d) && finite;
        }
      }
      return finite;
    };
    run(pass, keys, owners * heads.kv_heads, [&](Index task) {
      const Index owner = task / heads.kv_heads, kv_head = task % heads.kv_heads;
      if (is_long(pass, keys, owner)) return;
      if (!pull(false, owner, kv_head, nullptr)) pull(true, owner, kv_head, nullptr);
    });
    in_waves(pass, keys, 3, heads_at_once(pass, 2, 1), [&](Index count, auto&& long_head) {
      pass.executor.run(count, [&](Index task) {
        const LongHead h = long_head(task);
        tile(h.sequence, h.kv_head * heads.group()).pack_to_pull(qkv, h.panels);
        if (!pull(false, h.sequence, h.kv_head, h.panels)) pull(true, h.sequence, h.kv_head, h.panels);
      });
    });
    for (Index i = 0; sinks.cols() > 0 && i < dsink.rows(); ++i) dsinks.row(0) += dsink.row(i);
  }

 private:
  using Tile = AttentionTile<S>;

  /// Whether many queries read the keys of a sequence, all from the first key on, which a task cannot pack alone.
  template <class Keys>
  bool is_long(const Pass<S>& pass, const Keys& keys, Index sequence) const {
    return !std::same_as<Keys, SharedKeys> && reach.window == 0 && pass.batch.length(sequence) > query_block &&
           !Tile::fits(keys.length(sequence), heads.head_dim);
  }
  /// A head of the keys of a long sequence, and memory for its panels.
  struct LongHead {
    Index sequence, kv_head;
    S* panels;
  };
  /// How many heads of long sequences give each thread so many tasks; one is enough for one thread.
  static Index heads_at_once(const Pass<S>& pass, Index tasks_of_a_thread, Index tasks_of_a_head) {
    const Index threads = threads_of(pass.executor), tasks = threads > 1 ? threads * tasks_of_a_thread : 1;
    return (tasks + tasks_of_a_head - 1) / tasks_of_a_head;
  }
  /// f(count, long_head) for the heads of the keys of all long sequences, `most` at a time, which share memory for the panels of
  /// `matrices` each: long_head(0), ..., long_head(count - 1).
  template <class Keys, class F>
  void in_waves(const Pass<S>& pass, const Keys& keys, Index matrices, Index most, F&& f) const {
    Index sequences = 0, longest = 0;
    for (Index i = 0; i < pass.batch.sequences(); ++i) {
      if (is_long(pass, keys, i)) ++sequences, longest = std::max(longest, keys.length(i));
    }
    const Index all = sequences * heads.kv_heads, size = KeyPanels<S>::size(longest, heads.head_dim);
    auto panels = pass.workspace.temp(std::min(most, all), matrices * size);
    for (Index begin = 0; begin < all; begin += most) {
      f(std::min(most, all - begin), [&](Index i) {
        Index sequence = 0;
        for (Index before = (begin + i) / heads.kv_heads; before > 0 || !is_long(pass, keys, sequence); ++sequence) {
          if (is_long(pass, keys, sequence)) --before;
        }
        return LongHead{sequence, (begin + i) % heads.kv_heads, panels.row(i).data()};
      });
    }
  }
  /// Queries of a task in forward, which changes no bit: many, where it packs all keys and values that they see; few where
  /// there would not be enough tasks for all threads, or where a window moves with the query.
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

  /// Spreads the tasks over threads from 2^16 multiplications of Q K^T on. In a step of decoding, whose keys and values come
  /// from memory, 2^12 are enough, and each thread takes tasks that follow each other, since one is too short to be dealt out.
  template <class Keys>
  void run(const Pass<S>& pass, const Keys& keys, Index tasks, Task task) const {
    double work = 0;
    for (Index i = 0; i < pass.batch.sequences(); ++i)
      work += double(pass.batch.length(i)) * double(reach.most(keys.length(i)));
    work *= double(heads.q_width());
    if (work > (1 << 16)) return pass.executor.run(tasks, task);
    const bool shared = pass.context != nullptr && work > (1 << 12);
    parallel_ranges(shared ? pass.executor : Serial::instance(), tasks, 1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) task(i);
    });
  }
};

}  // namespace residual
