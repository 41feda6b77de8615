#pragma once

#include <algorithm>
#include <limits>

#include "residual/core/carver.hpp"
#include "residual/core/check.hpp"
#include "residual/core/kv_cache.hpp"

namespace residual {

/// What a Decoding has room for.
struct Capacity {
  Index sequences;  ///< at once
  Index longest;    ///< tokens of a sequence
};

/// Throws unless both numbers are 1 or more, the model takes sequences of that length, and a cache of
/// sequences x longest rows can have addresses.
template <class M>
void expect_capacity(const M& model, const Capacity& capacity) {
  using S = typename M::Scalar;
  model.check();
  expect(capacity.sequences > 0 && capacity.longest > 0, "Decoding: the capacity is ", capacity.sequences,
         " sequences of ", capacity.longest, " tokens, but both must be 1 or more.");
  if constexpr (requires { model.check(capacity); }) model.check(capacity);
  typename M::Cache cache;
  Carver<S> row;
  cache.carve(row, model, CacheRows{.tokens = 1, .memory = 0});
  // 64 bytes or more a row cover what CachedSequences notes of each; a quarter of all leaves room for a memory's rows.
  const Index bytes = std::max<Index>(row.size() * Index(sizeof(S)), 64);
  const Index rows = std::numeric_limits<Index>::max() / 4 / bytes;
  expect(capacity.sequences <= rows / capacity.longest, "Decoding: the capacity is ", capacity.sequences,
         " sequences of ", capacity.longest, " tokens, but no memory holds the keys and values of more than ", rows,
         " tokens of this model; ask for fewer.");
}

}  // namespace residual
