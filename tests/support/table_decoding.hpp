#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "residual/decode/generate.hpp"
#include "support/random.hpp"

namespace test_support {

using residual::Batch;
using residual::In;
using Text = std::vector<int>;

/// A language model without a network: random logits that the whole prefix decides.
struct Table {
  residual::Index vocabulary;
  std::uint64_t seed = 0;
  double dead = 0;                                              ///< probability that a logit is -infinity
  double nan = 0;                                               ///< and that it is NaN
  bool equals = false;                                          ///< whether many logits are equal
  std::function<std::vector<float>(const Text&)> instead = {};  ///< of certain prefixes; empty: none

  std::vector<float> logits(const Text& prefix) const {
    if (instead) {
      if (auto given = instead(prefix); !given.empty()) return given;
    }
    std::uint64_t hash = seed;
    for (const int token : prefix) hash = Random(hash ^ std::uint64_t(token + 1)).bits();
    Random random(hash);
    std::vector<float> logits;
    for (Index token = 0; token < vocabulary; ++token) {
      float logit = equals ? float(random.integer(0, 1)) : float(random.integer(-3000000, 3000000)) * 1e-6f;
      if (random.chance(dead)) logit = -std::numeric_limits<float>::infinity();
      if (random.chance(nan)) logit = std::numeric_limits<float>::quiet_NaN();
      logits.push_back(logit);
    }
    return logits;
  }
};

/// Decodes a table, with room for so many sequences.
class TableDecoding {
 public:
  using Scalar = float;

  TableDecoding(Table table, Index capacity) : table_(std::move(table)), capacity_(capacity) {}

  void start(Index sequences) { texts_.assign(std::size_t(sequences), {}); }
  Index sequences() const { return Index(texts_.size()); }
  Index room(Index i) const { return 100 - Index(texts_[std::size_t(i)].size()); }
  void expect_room(Index sequences) const {
    residual::expect(sequences >= 0 && sequences <= capacity_, "No room for ", sequences, ".");
  }
  In<float> step(const Batch& batch, std::span<const int> tokens) {
    ++steps_;
    EXPECT_EQ(batch.sequences(), sequences());
    logits_.resize(batch.tokens(), table_.vocabulary);
    for (Index i = 0; i < batch.tokens(); ++i) {
      EXPECT_TRUE(tokens[std::size_t(i)] >= 0 && tokens[std::size_t(i)] < table_.vocabulary);
    }
    for (Index s = 0; s < batch.sequences(); ++s) {
      for (Index row = batch.begin(s); row < batch.begin(s + 1); ++row) {
        texts_[std::size_t(s)].push_back(tokens[std::size_t(row)]);
        const auto logits = table_.logits(texts_[std::size_t(s)]);
        for (Index token = 0; token < table_.vocabulary; ++token) logits_(row, token) = logits[std::size_t(token)];
      }
    }
    return logits_;
  }
  void reorder(std::span<const Index> from) {
    expect_room(Index(from.size()));
    std::vector<Text> next;
    for (const Index i : from) next.push_back(texts_.at(std::size_t(i)));
    texts_ = next;
  }

  const Table& table() const { return table_; }
  int steps() const { return steps_; }

 private:
  Table table_;
  Index capacity_;
  std::vector<Text> texts_;
  residual::Tokens<float> logits_;
  int steps_ = 0;
};
static_assert(residual::NextToken<TableDecoding>);

}  // namespace test_support
