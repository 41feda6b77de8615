#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "residual/core/view.hpp"

namespace residual {

/// The rows of a cache that are the keys of each sequence: begin(i) .. begin(i) + length(i). Unlike those of a Batch they
/// lie anywhere, and sequences may share them. Where only the last keys are kept, begin(i) is where the first would lie, and
/// may be negative; nobody reads there.
struct CachedKeys {
  std::span<const Index> begins = {}, lengths = {};  ///< first row and count, one entry a sequence
  const std::uint8_t* hides = nullptr;  ///< one entry a row of the cache, non-zero = hidden; nullptr: none is

  /// How many sequences there are.
  Index sequences() const { return Index(lengths.size()); }
  /// The row of the first key of sequence i.
  Index begin(Index i) const { return begins[std::size_t(i)]; }
  /// Keys of sequence i.
  Index length(Index i) const { return lengths[std::size_t(i)]; }
  /// Keys of the longest sequence.
  Index longest() const {
    Index length = 0;
    for (const Index l : lengths) length = std::max(length, l);
    return length;
  }
  /// Which rows are hidden, as for a Batch.
  const std::uint8_t* hidden_rows() const { return hides; }
};

/// What a step of incremental decoding continues.
struct CachedContext {
  CachedKeys tokens;  ///< of self-attention, those of the step included
  CachedKeys memory;  ///< of cross-attention
};

/// Rows of a layer's cache.
struct CacheRows {
  Index tokens;  ///< for the sequences that are decoded
  Index memory;  ///< for the encoder's output
};

}  // namespace residual
