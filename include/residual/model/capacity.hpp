#pragma once

#include <algorithm>
#include <concepts>
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

/// What a Decoding has room for whose sequences never end: of each it keeps only the tokens that the model's self-attention
/// can still see.
struct Endless {
  Index sequences;  ///< at once
  Index step;       ///< tokens that a step may add to a sequence
};

/// A model that can say how many tokens an endless decoding keeps.
template <class M>
concept LooksBack = requires(const M& model) {
  { model.look_back() } -> std::convertible_to<Index>;
};

/// The most tokens whose keys and values can have addresses, some rows of a memory beside them.
template <class M>
Index most_cached_tokens(const M& model) {
  using S = typename M::Scalar;
  typename M::Cache cache;
  Carver<S> row;
  cache.carve(row, model, CacheRows{.tokens = 1, .memory = 0});
  // 64 bytes or more a row cover what CachedSequences notes of each; a quarter of all leaves room for a memory's rows.
  const Index bytes = std::max<Index>(row.size() * Index(sizeof(S)), 64);
  return std::numeric_limits<Index>::max() / 4 / bytes;
}

/// Throws unless both numbers are 1 or more, the model takes sequences of that length, and a cache of
/// sequences x longest rows can have addresses.
template <class M>
void expect_capacity(const M& model, const Capacity& capacity) {
  model.check();
  expect(capacity.sequences > 0 && capacity.longest > 0, "Decoding: the capacity is ",
         counted(capacity.sequences, "sequence"), " of ", counted(capacity.longest, "token"),
         ", but both must be 1 or more.");
  if constexpr (requires { model.check(capacity); }) model.check(capacity);
  const Index rows = most_cached_tokens(model);
  expect(capacity.sequences <= rows / capacity.longest, "Decoding: the capacity is ",
         counted(capacity.sequences, "sequence"), " of ", counted(capacity.longest, "token"),
         ", but no memory holds the keys and values of more than ", rows, " tokens of this model; ask for fewer.");
}
/// Throws unless both numbers are 1 or more, the model looks back at a limited number of tokens, and a cache of these and a
/// step's, twice, can have addresses.
template <LooksBack M>
void expect_capacity(const M& model, const Endless& endless) {
  model.check();
  expect(endless.sequences > 0 && endless.step > 0, "Decoding: it is endless for ",
         counted(endless.sequences, "sequence"), " and steps of ", counted(endless.step, "token"),
         ", but both must be 1 or more.");
  const Index kept = model.look_back(), rows = most_cached_tokens(model);
  expect(kept < rows && endless.step <= rows - kept && endless.sequences <= rows / 2 / (kept + endless.step),
         "Decoding: it is endless for ", counted(endless.sequences, "sequence"), " and steps of ",
         counted(endless.step, "token"), " behind the ", kept,
         " that its self-attention sees, but no memory holds, twice, the keys and values of ", "more than ", rows / 2,
         " tokens of this model; ask for fewer, or make it with a smaller window.");
}

}  // namespace residual
