#pragma once

#include <array>
#include <cstdint>

#include "residual/layers/layer.hpp"

namespace residual {

/// Philox4x32-10, Salmon et al. 2011 (doi:10.1145/2063384.2063405): four random words that depend on counter and key
/// alone, so any thread can draw any part of a sequence, as often as it likes.
inline std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> x, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * x[0], b = std::uint64_t{0xCD9E8D57} * x[2];
    x = {std::uint32_t(b >> 32) ^ x[1] ^ key[0], std::uint32_t(b), std::uint32_t(a >> 32) ^ x[3] ^ key[1],
         std::uint32_t(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return x;
}

/// What a dropout mask is for: each use draws from its own part of the sequence.
enum class Purpose : std::uint32_t { residual, activation, attention };

/// Dropout, Srivastava et al. 2014: each number is 0 with probability `rate`, else divided by 1 - rate. The mask depends
/// on the seed, the sub-layer, the purpose and the number's place alone; without a seed nothing is dropped.
template <class S>
class Dropout {
 public:
  /// For the sub-layer of the pass; `part` tells masks of one purpose apart.
  Dropout(double rate, const Pass<S>& pass, Purpose purpose, std::uint32_t part = 0)
      : active_(rate > 0 && pass.seed.has_value()),
        limit_(std::uint64_t(rate * 4294967296.0)),
        scale_(S(1) / (S(1) - S(rate))),
        place_{0, 0, part, std::uint32_t(pass.site) * 4 + std::uint32_t(purpose)} {
    if (active_) key_ = {std::uint32_t(*pass.seed), std::uint32_t(*pass.seed >> 32)};
  }

  /// Whether anything is dropped.
  bool active() const { return active_; }

  /// Drops some of `values`, which are columns col .. col + count of a row.
  void operator()(Index row, Index col, Index count, S* values) const {
    if (active_) drop(row, col, count, values);
  }
  /// Drops some of a block whose first entry is (row, col).
  void operator()(Index row, Index col, Out<S> block) const {
    if (!active_) return;
    for (Index i = 0; i < block.rows(); ++i) drop(row + i, col, block.cols(), block.row_data(i));
  }

 private:
  RESIDUAL_NOINLINE void drop(Index row, Index col, Index count, S* values) const {
    std::array<std::uint32_t, 4> words{}, place = place_;
    place[1] = std::uint32_t(row);
    for (Index i = 0; i < count; ++i) {
      const auto lane = std::size_t(col + i) % 4;
      if (i == 0 || lane == 0) {
        place[0] = std::uint32_t((col + i) / 4);
        words = philox(place, key_);
      }
      values[i] = words[lane] < limit_ ? S(0) : values[i] * scale_;
    }
  }

  bool active_;
  std::uint64_t limit_;
  S scale_;
  std::array<std::uint32_t, 4> place_;
  std::array<std::uint32_t, 2> key_{};
};

/// Throws unless 0 <= rate < 1, also as a float: what is kept is divided by 1 - rate.
inline void expect_rate(const char* name, double rate) {
  expect(rate >= 0 && float(rate) < 1, name, " is ", rate,
         ", but a dropout rate must be 0 or more and less than 1, and not so near to 1 that a float rounds it to 1.");
}

}  // namespace residual
