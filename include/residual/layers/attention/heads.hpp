#pragma once

#include <limits>

#include "residual/core/check.hpp"

namespace residual {

/// The heads of multi-head attention. With fewer key heads than query heads, query head h reads key head
/// h / (heads / kv_heads): grouped queries, Ainslie et al. 2023 (arXiv:2305.13245).
struct Heads {
  Index heads;     ///< of the queries
  Index kv_heads;  ///< of the keys and values
  Index head_dim;  ///< columns of a head

  Index q_width() const { return heads * head_dim; }
  Index kv_width() const { return kv_heads * head_dim; }
  /// Columns of queries, keys and values side by side.
  Index width() const { return q_width() + 2 * kv_width(); }
  /// Query heads of a key head.
  Index group() const { return heads / kv_heads; }
  bool operator==(const Heads&) const = default;
};

/// Queries [queries x heads head_dim], keys and values [keys x kv_heads head_dim] or, of a cache, one head below the other,
/// [kv_heads keys x head_dim]; M is In<S> to read, Out<S> to write.
template <class M>
struct QKV {
  M q, k, v;
};

/// The queries, keys and values that lie side by side in a matrix.
template <class M>
QKV<M> split(M qkv, const Heads& h) {
  return {qkv.cols_from(0, h.q_width()), qkv.cols_from(h.q_width(), h.kv_width()),
          qkv.cols_from(h.q_width() + h.kv_width(), h.kv_width())};
}

/// The heads of a layer: kv_heads 0 stands for `heads`, head_dim 0 for dim / heads. Throws when they do not fit.
inline Heads expect_heads(const char* who, Index dim, Index heads, Index kv_heads, Index head_dim) {
  expect(dim > 0 && heads > 0, who, ": dim ", dim, ", heads ", heads, ", but both must be greater than 0.");
  expect(kv_heads >= 0 && head_dim >= 0, who, ": kv_heads ", kv_heads, ", head_dim ", head_dim,
         ", but both must be greater than 0, or 0 for their defaults, heads and dim / heads.");
  expect(head_dim > 0 || dim % heads == 0, who, ": dim ", dim, " is not a multiple of heads ", heads,
         "; each head takes dim / heads columns, unless head_dim is given.");
  expect(kv_heads == 0 || heads % kv_heads == 0, who, ": heads ", heads, " is not a multiple of kv_heads ", kv_heads,
         "; each key head serves heads / kv_heads query heads.");
  const Heads h{heads, kv_heads > 0 ? kv_heads : heads, head_dim > 0 ? head_dim : dim / heads};
  const double width = double(h.head_dim) * (double(h.heads) + 2 * double(h.kv_heads));
  expect(width < double(std::numeric_limits<Index>::max() / 2), who, ": ", h.heads, " heads and ", h.kv_heads,
         " key heads of ", h.head_dim, " columns are more than any memory holds; give fewer or smaller ones.");
  return h;
}

}  // namespace residual
