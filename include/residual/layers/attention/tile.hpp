#pragma once

#include "residual/kernel/gemm.hpp"
#include "residual/layers/attention/guarded_product.hpp"
#include "residual/layers/attention/head_logits.hpp"
#include "residual/layers/attention/heads.hpp"
#include "residual/layers/attention/key_panels.hpp"
#include "residual/layers/attention/online_softmax.hpp"
#include "residual/layers/dropout.hpp"

namespace residual {

/// One head of one sequence, whose logits are computed in tiles of queries x keys.
template <class S>
class AttentionTile {
 public:
  static constexpr Index queries = 72, keys = KeyPanels<S>::block;  ///< of a tile
  static constexpr Index most_queries = 8 * queries;                ///< that read a block of keys in turn
  static constexpr Index room = 64 * keys;                          ///< entries of panels that the stack has room for

  /// Head `head` of the queries in that sequence; `attention` has heads, reach, scores and dropout.
  template <class A, class Keys>
  AttentionTile(const A& attention, const Pass<S>& pass, const Keys& all_keys, const Mask<S>& mask, Index sequence,
                Index head)
      : logits_(attention, pass, all_keys, mask, sequence, head),
        head_dim_(attention.heads.head_dim),
        head_(head),
        kv_head_(head / attention.heads.group()),
        kv_heads_(attention.heads.kv_heads),
        queries_(pass.batch.length(sequence)),
        keys_(all_keys.length(sequence)),
        query_begin_(pass.batch.begin(sequence)),
        key_begin_(all_keys.begin(sequence)),
        drop_(attention.dropout, pass, Purpose::attention, std::uint32_t(head)) {}

  /// Whether the stack has room for the panels of so many keys.
  static bool fits(Index count, Index head_dim) { return KeyPanels<S>::size(count, head_dim) <= room; }

  /// Writes to `panels` what `forward` reads of the block of keys that begins with key `begin`.
  void pack(Index begin, const QKV<In<S>>& qkv, S* panels) const {
    const auto [kt, v] = factors(qkv, panels);
    kt.pack(begin), v.pack(begin);
  }
  /// o and stats of the queries first .. first + rows, with the panels of all blocks of keys or nullptr.
  void forward(Index first, Index rows, const QKV<In<S>>& qkv, S* panels, Out<S> o, Out<S> stats, In<S> sinks) const {
    Panels<2> own;
    const bool alone = panels == nullptr && packs_alone(rows);
    const auto [kt, v] = factors(qkv, alone ? own.entries : panels);
    if (alone) kt.pack(), v.pack();
    const Index blocks = (rows + queries - 1) / queries;
    for (Index i = 0; i < blocks; ++i) {
      const Index query = first + rows * i / blocks, height = first + rows * (i + 1) / blocks - query;
      OnlineSoftmax<S> softmax[queries];
      if (!forward(false, query, height, qkv.q, kt, v, o, sinks, softmax)) {
        forward(true, query, height, qkv.q, kt, v, o, sinks, softmax);
      }
      for (Index r = 0; r < height; ++r) {
        stats(query_begin_ + query + r, 2 * head_) = softmax[r].shift();
        stats(query_begin_ + query + r, 2 * head_ + 1) = softmax[r].weight();
      }
    }
  }

  /// dk = 0 and dv = 0.
  void clear_keys(const QKV<Out<S>>& dqkv) const {
    of_keys(dqkv.k, 0, keys_).setZero();
    of_keys(dqkv.v, 0, keys_).setZero();
  }
  /// Writes to `panels` what `backward` reads.
  void pack_to_pull(const QKV<In<S>>& qkv, S* panels) const {
    const auto [k, kt, vt] = factors_to_pull(qkv, panels);
    k.pack(), kt.pack(), vt.pack();
  }
  /// Overwrites dq and, if it is not nullptr, dsink; adds to dk and dv, with the panels of all blocks of keys or nullptr. Returns
  /// whether all of them are finite; if not, do it again with `guarded`, which lets a 0 hide what it multiplies even when that
  /// is not finite.
  bool backward(bool guarded, const QKV<In<S>>& qkv, S* panels, In<S> o, In<S> stats, In<S> d_o,
                const QKV<Out<S>>& dqkv, In<S> sinks, S* dsink) const {
    Out<S> all_dq = of_queries(dqkv.q, 0, queries_);
    all_dq.setZero();
    if (dsink != nullptr) *dsink = S(0);
    Memory p_memory, ds_memory;
    Panels<3> own;
    const bool alone = panels == nullptr && packs_alone(queries_);
    const FactorsToPull factors = factors_to_pull(qkv, alone ? own.entries : panels);
    const KeyPanels<S>&k = factors.k, &kt = factors.kt, &vt = factors.vt;
    if (alone) k.pack(), kt.pack(), vt.pack();
    S delta[most_queries];
    for (Index first = 0; first < queries_; first += most_queries) {
      const Index rows = std::min(most_queries, queries_ - first);
      dots(of_queries(d_o, first, rows), of_queries(o, first, rows), delta);
      for (Index i = 0; dsink != nullptr && i < rows; ++i) *dsink -= sink_weight(stats, first + i, sinks) * delta[i];
      logits_.each_key_block(first, rows, [&](Index begin, Index seen) {
        each_query_block(first, rows, begin, seen, [&](Index query, Index height, Index j, Index count) {
          const In<S> q = of_queries(qkv.q, query, height), dy = of_queries(d_o, query, height);
          const Factor<S> kt_part = kt.part(j, count);
          Out<S> p = p_memory.window(height, count), ds = ds_memory.window(height, count);
          const S unit = logits_.compute(q, query, j, kt_part, p);
          product<S>(Serial::instance(), dy, vt.part(j, count), ds);
          for (Index i = 0; i < height; ++i) {
            const Index row = query_begin_ + query + i;
            drop_(row, j, count, ds.row_data(i));
            pull_softmax(guarded, p.row_data(i), ds.row_data(i), count, unit, stats(row, 2 * head_),
                         stats(row, 2 * head_ + 1), delta[query - first + i], logits_.scale());
            drop_(row, j, count, p.row_data(i));
          }
          add_product<S>(guarded, Factor<S>(p).transpose(), dy, dy, of_keys(dqkv.v, j, count));
          if (logits_.capped()) logits_.pull_cap(q, kt_part, p, ds);
          add_product<S>(guarded, Factor<S>(ds).transpose(), q, q, of_keys(dqkv.k, j, count));
          add_product<S>(guarded, Factor<S>(ds), k.keys(j, count), k.part(j, count), of_queries(dqkv.q, query, height));
        });
      });
    }
    return all_finite<S>(all_dq) && all_finite<S>(of_keys(dqkv.k, 0, keys_)) &&
           all_finite<S>(of_keys(dqkv.v, 0, keys_));
  }

 private:
  /// A tile of logits or of their gradient, one query a row.
  struct Memory {
    static constexpr Index stride = keys + 64 / sizeof(S);  // no power of two: rows fall into different cache sets
    alignas(64) S entries[std::size_t(queries * stride)];
    Out<S> window(Index rows, Index cols) { return {entries, rows, cols, stride}; }
  };
  /// Memory for some panels.
  template <int Count>
  struct Panels {
    alignas(64) S entries[std::size_t(Count * room)];
  };
  /// Whether so many queries read the keys often enough to pack them, and `Panels` has room for them.
  bool packs_alone(Index rows) const { return rows > queries && fits(keys_, head_dim_) && !logits_.windowed(); }
  /// K^T and V.
  struct Factors {
    KeyPanels<S> kt, v;
  };
  Factors factors(const QKV<In<S>>& qkv, S* panels) const {
    const Index size = KeyPanels<S>::size(keys_, head_dim_);
    return {{of_keys(qkv.k, 0, keys_), true, panels}, {of_keys(qkv.v, 0, keys_), false, offset(panels, size)}};
  }
  /// K, K^T and V^T.
  struct FactorsToPull {
    KeyPanels<S> k, kt, vt;
  };
  FactorsToPull factors_to_pull(const QKV<In<S>>& qkv, S* panels) const {
    const In<S> k = of_keys(qkv.k, 0, keys_), v = of_keys(qkv.v, 0, keys_);
    const Index size = KeyPanels<S>::size(keys_, head_dim_);
    return {{k, false, panels}, {k, true, offset(panels, size)}, {v, true, offset(panels, 2 * size)}};
  }

  bool forward(bool guarded, Index first, Index rows, In<S> q, const KeyPanels<S>& kt, const KeyPanels<S>& v, Out<S> o,
               In<S> sinks, OnlineSoftmax<S>* softmax) const {
    Memory memory;
    const bool sinks_in = sinks.cols() > 0;
    std::fill_n(softmax, rows, sinks_in ? OnlineSoftmax<S>::with_sink(sinks(0, head_)) : OnlineSoftmax<S>::empty());
    Out<S> result = of_queries(o, first, rows);
    result.setZero();
    logits_.each_key_block(first, rows, [&](Index j, Index count) {
      Out<S> p = memory.window(rows, count);
      const S unit = logits_.compute(of_queries(q, first, rows), first, j, kt.part(j, count), p);
      for (Index i = 0; i < rows; ++i) {  // apart, since a row's sums wait for its highest logit
        const S shrink = softmax[i].rise(p.row_data(i), count, unit);
        if (shrink != S(1)) multiply_row(result.row_data(i), shrink);
      }
      for (Index i = 0; i < rows; ++i) {
        softmax[i].gather(p.row_data(i), count, unit);
        drop_(query_begin_ + first + i, j, count, p.row_data(i));
      }
      add_product<S>(guarded, Factor<S>(p), v.keys(j, count), v.part(j, count), result);
    });
    for (Index i = 0; i < rows; ++i) {
      if (softmax[i].total != S(0)) multiply_row(result.row_data(i), softmax[i].weight());
    }
    return all_finite<S>(result);
  }

  template <class M>
  M of_queries(M m, Index first, Index count) const {
    return m.rows_from(query_begin_ + first, count).cols_from(head_ * head_dim_, head_dim_);
  }
  /// Of the keys or values, whose heads lie side by side or, where a row has one alone, below each other.
  template <class M>
  M of_keys(M m, Index first, Index count) const {
    if (m.cols() == head_dim_) return m.rows_from(kv_head_ * (m.rows() / kv_heads_) + key_begin_ + first, count);
    return m.rows_from(key_begin_ + first, count).cols_from(kv_head_ * head_dim_, head_dim_);
  }

  /// visit(query, height, j, count) for blocks of queries and the keys among begin .. begin + seen that they may see.
  template <class Visit>
  void each_query_block(Index first, Index rows, Index begin, Index seen, Visit&& visit) const {
    const Index blocks = (rows + queries - 1) / queries;
    for (Index i = 0; i < blocks; ++i) {
      const Index query = first + rows * i / blocks, height = first + rows * (i + 1) / blocks - query;
      const auto [from, to] = logits_.seen_by(query, height);
      const Index j = std::max(begin, from), end = std::min(begin + seen, to);
      if (j < end) visit(query, height, j, end - j);
    }
  }

  /// The sink's share of a query's softmax.
  S sink_weight(In<S> stats, Index query, In<S> sinks) const {
    const Index row = query_begin_ + query;
    return exp_of_units<S>(sink_in_units(sinks(0, head_)) - stats(row, 2 * head_)) * stats(row, 2 * head_ + 1);
  }

  /// result_i = a_i . b_i for all rows, each summed as `product` sums: delta is then exactly dp where p is 1, so that
  /// ds is 0 there and not a rounding error.
  void dots(In<S> a, In<S> b, S* result) const {
    constexpr Index group = 8, depth = gemm::Blocks<S>::depth;
    std::fill_n(result, a.rows(), S(0));
    for (Index first = 0; first < a.rows(); first += group) {
      const auto row = [&](In<S> m, Index r) { return m.row_data(std::min(first + r, m.rows() - 1)); };
      for (Index k = 0; k < a.cols(); k += depth) {
        Pack<S> sums[group];
        std::fill_n(sums, group, Pack<S>(S(0)));
        for (Index c = k; c < std::min(k + depth, a.cols()); ++c) {
          RESIDUAL_UNROLL(8)
          for (Index r = 0; r < group; ++r) sums[r] = fma(Pack<S>(row(a, r)[c]), Pack<S>(row(b, r)[c]), sums[r]);
        }
        for (Index r = 0; r < std::min(group, a.rows() - first); ++r) {
          S part;
          sums[r].store(&part, 1);
          result[first + r] += part;
        }
      }
    }
  }
  void multiply_row(S* row, S factor) const {
    const Pack<S> f(factor);
    each_pack<S>(head_dim_, [&](Index c, auto n) { (Pack<S>::load(row + c, n) * f).store(row + c, n); });
  }

  HeadLogits<S> logits_;
  Index head_dim_, head_, kv_head_, kv_heads_, queries_, keys_, query_begin_, key_begin_;
  Dropout<S> drop_;
};

}  // namespace residual
