#pragma once

#include "residual/core/carver.hpp"
#include "residual/layers/attention/heads.hpp"

namespace residual {

/// A KV cache: the keys of a head lie one below the other, then those of the next, behind all keys the values so. A step then
/// reads a head from contiguous memory.
template <class S>
struct CachedHeads {
  TokensView<S> kv;  ///< [2 kv_heads tokens x head_dim]
  Index tokens = 0;  ///< rows of a head

  /// For so many tokens.
  void carve(Carver<S>& c, const Heads& heads, Index rows) {
    tokens = rows;
    c("kv", kv, 2 * heads.kv_heads * tokens, heads.head_dim);
  }
  /// Copies `count` tokens.
  void copy(Index from, Index to, Index count) {
    for (Index head = 0; head < kv.rows(); head += tokens) {
      kv.middleRows(head + to, count) = kv.middleRows(head + from, count);
    }
  }
  /// The tokens from `to` on become these rows, in which the keys of all heads lie side by side, then the values.
  void write(Index to, In<S> rows) {
    for (Index i = 0; i * tokens < kv.rows(); ++i) {
      kv.middleRows(i * tokens + to, rows.rows()) = rows.cols_from(i * kv.cols(), kv.cols());
    }
  }
  /// Queries beside all that is cached.
  QKV<In<S>> with(In<S> q) const {
    const In<S> all = kv;
    const Index half = all.rows() / 2;
    return {q, all.rows_from(0, half), all.rows_from(half, half)};
  }
};

}  // namespace residual
