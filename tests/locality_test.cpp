// What a token cannot see leaves no bit in its row: later tokens, hidden tokens, other sequences, NaN and garbage there.
// group: slow_laws
// labels: slow
#include <gtest/gtest.h>

#include <algorithm>

#include "support/every_scalar.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

const Wanted two_sequences{.dim = 16, .heads = 4, .hidden = 20, .lengths = {90, 130}, .memory_lengths = {70, 80}};
Wanted causal(Wanted wanted) {
  wanted.causal = true;
  return wanted;
}

/// What nobody may see: numbers far from all others, NaN, or an infinity.
template <class S>
std::vector<S> garbage() {
  return {S(1e6), not_a_number<S>, std::numeric_limits<S>::infinity()};
}

/// A mask that hides tokens here and there.
std::vector<std::uint8_t> some_hidden(Index tokens) {
  std::vector<std::uint8_t> hidden(static_cast<std::size_t>(tokens));
  for (std::size_t i = 0; i < hidden.size(); ++i) hidden[i] = i % 7 == 2 || i % 5 == 4;
  return hidden;
}

/// The rows that the mask keeps.
template <class Dense>
Dense visible(const Dense& m, const std::vector<std::uint8_t>& hidden) {
  Dense kept(m.rows(), m.cols());
  Index rows = 0;
  for (Index i = 0; i < m.rows(); ++i) {
    if (hidden[std::size_t(i)] == 0) kept.row(rows++) = m.row(i);
  }
  return kept.topRows(rows);
}
template <class Dense>
void overwrite_hidden(Dense& m, const std::vector<std::uint8_t>& hidden, typename Dense::Scalar value) {
  for (Index i = 0; i < m.rows(); ++i) {
    if (hidden[std::size_t(i)] != 0) m.row(i).setConstant(value);
  }
}

template <class W>
class Locality : public testing::Test {};
TYPED_TEST_SUITE(Locality, EveryScalar);

TYPED_TEST(Locality, LaterTokensLeaveEarlierRowsAlone) {
  for_every_stack<TypeParam>(causal(two_sequences), [](auto& problem) {
    const auto before = problem.run();
    for (const auto value : garbage<TypeParam>()) {
      SCOPED_TRACE(value);
      for (const Index t : {89, 70, 1}) {
        auto other = problem;
        other.x.middleRows(t, 90 - t).setConstant(value);
        const auto after = other.run();
        EXPECT_TRUE(same_bits(after.y.topRows(t), before.y.topRows(t)));
        EXPECT_FALSE(same_bits(after.y.row(t), before.y.row(t))) << "row " << t << " must see itself";
        EXPECT_TRUE(same_bits(after.y.bottomRows(130), before.y.bottomRows(130))) << "the other sequence";
        EXPECT_TRUE(same_bits(after.dx.bottomRows(130), before.dx.bottomRows(130))) << "the other sequence";
      }
    }
  });
}

/// The gradient of x_j comes from the rows of y from j on.
TYPED_TEST(Locality, EarlierCotangentsLeaveGradientsOfLaterTokensAlone) {
  for_every_stack<TypeParam>(causal(two_sequences), [](auto& problem) {
    const auto before = problem.run();
    for (const auto value : garbage<TypeParam>()) {
      SCOPED_TRACE(value);
      auto other = problem;
      other.dy.row(40).setConstant(value);
      other.dy(40, 0) = TypeParam(1);
      const auto after = other.run();
      EXPECT_TRUE(same_bits(after.dx.bottomRows(220 - 41), before.dx.bottomRows(220 - 41)));
      EXPECT_FALSE(same_bits(after.dx.row(40), before.dx.row(40)));
      EXPECT_TRUE(same_bits(after.y, before.y));
    }
  });
}

TYPED_TEST(Locality, NaNStaysInItsSequence) {
  for_every_stack<TypeParam>(two_sequences, [](auto& problem) {
    const auto before = problem.run();
    auto other = problem;
    other.x(17, 3) = not_a_number<TypeParam>;
    const auto after = other.run();
    EXPECT_TRUE(after.y.row(17).array().isNaN().all()) << "a NaN must not be hushed up";
    EXPECT_TRUE(same_bits(after.y.bottomRows(130), before.y.bottomRows(130)));
    EXPECT_TRUE(same_bits(after.dx.bottomRows(130), before.dx.bottomRows(130)));
    EXPECT_TRUE(same_bits(after.dmemory.bottomRows(after.dmemory.rows() * 8 / 15),
                          before.dmemory.bottomRows(before.dmemory.rows() * 8 / 15)));
  });
}

/// Where all logits of a token are NaN, it does not look like one that sees no key.
TYPED_TEST(Locality, NaNInTheQueriesIsNotHushedUp) {
  for_every_stack<TypeParam>(two_sequences, [](auto& problem) {
    for (const auto& tensor : problem.theta.manifest()) {
      if (!tensor.name.ends_with("attn.in_proj_weight")) continue;
      auto other = problem;
      other.theta.data()[tensor.offset] = not_a_number<TypeParam>;  // W_q(0, 0)
      EXPECT_TRUE(other.run().y.array().isNaN().all()) << tensor.name;
    }
  });
}

/// Hidden tokens compute rows of their own, which nobody reads.
TYPED_TEST(Locality, GarbageInHiddenTokensChangesNothing) {
  for (const Wanted& wanted : {two_sequences, causal(two_sequences)}) {
    for_every_stack<TypeParam>(wanted, [](auto& problem) {
      const auto hidden = some_hidden(problem.x.rows());
      problem.batch = problem.batch.hiding(hidden);
      overwrite_hidden(problem.dy, hidden, 0);
      const auto before = problem.run();
      for (const auto value : garbage<TypeParam>()) {
        SCOPED_TRACE(value);
        auto other = problem;
        overwrite_hidden(other.x, hidden, value);
        const auto after = other.run();
        EXPECT_TRUE(same_bits(visible(after.y, hidden), visible(before.y, hidden)));
        if (!std::isfinite(value)) continue;  // a loss that has rows which are not finite has no gradient
        EXPECT_TRUE(same_bits(visible(after.dx, hidden), visible(before.dx, hidden)));
        EXPECT_TRUE(same_bits(after.dmemory, before.dmemory));
        EXPECT_TRUE(equal(after.gradient.flat(), before.gradient.flat()));
      }
    });
  }
}

TYPED_TEST(Locality, GarbageInHiddenMemoryChangesNothing) {
  for_every_decoder<TypeParam>(two_sequences, [](auto& problem) {
    const auto hidden = some_hidden(problem.memory.rows());
    problem.memory_batch = problem.memory_batch.hiding(hidden);
    const auto before = problem.run();
    for (const auto value : garbage<TypeParam>()) {
      SCOPED_TRACE(value);
      auto other = problem;
      overwrite_hidden(other.memory, hidden, value);
      const auto after = other.run();
      EXPECT_TRUE(same_bits(after.y, before.y));
      EXPECT_TRUE(same_bits(after.dx, before.dx));
      EXPECT_TRUE(equal(after.dmemory, before.dmemory));
      EXPECT_TRUE(equal(after.gradient.flat(), before.gradient.flat()));
      auto zeros = after.dmemory;
      overwrite_hidden(zeros, hidden, 0);
      EXPECT_TRUE(equal(zeros, after.dmemory)) << "a hidden token has no gradient";
    }
  });
}

/// A column of -infinity in the additive mask hides a key as the batch's own mask does.
TYPED_TEST(Locality, BlockedByTheMaskIsHidden) {
  using S = TypeParam;
  for_every_decoder<S>({.dim = 12, .heads = 2, .lengths = {80, 80}, .memory_lengths = {75, 75}}, [](auto& problem) {
    auto blocked = problem;
    const auto hidden = some_hidden(80), hidden_memory = some_hidden(75);
    const auto twice = [](auto mask) {
      const auto once = mask;
      mask.insert(mask.end(), once.begin(), once.end());
      return mask;
    };
    problem.batch = problem.batch.hiding(twice(hidden));
    problem.memory_batch = problem.memory_batch.hiding(twice(hidden_memory));
    const auto columns = [](const auto& mask) {
      Tokens<S> m = Tokens<S>::Zero(80, Index(mask.size()));
      for (std::size_t j = 0; j < mask.size(); ++j) {
        if (mask[j] != 0) m.col(Index(j)).setConstant(-std::numeric_limits<S>::infinity());
      }
      return m;
    };
    blocked.attn_mask = columns(hidden);
    blocked.memory_mask = columns(hidden_memory);
    expect_same_bits(blocked.run(), problem.run());
  });
}

TYPED_TEST(Locality, PermutedTokensPermuteTheOutput) {
  const Wanted wanted{.dim = 16, .heads = 4, .lengths = {90}, .memory_lengths = {5}};
  for_every_stack<TypeParam>(wanted, [](auto& problem) {
    const auto before = problem.run();
    Eigen::PermutationMatrix<Eigen::Dynamic> P(90);
    P.setIdentity();
    std::shuffle(P.indices().begin(), P.indices().end(), std::mt19937(5));
    auto other = problem;
    other.x = P * problem.x;
    other.dy = P * problem.dy;
    const auto after = other.run();
    EXPECT_TRUE(near(after.y, Tokens<TypeParam>(P * before.y), rounding<TypeParam>));
    EXPECT_TRUE(near(after.dx, Tokens<TypeParam>(P * before.dx), rounding<TypeParam>));
    EXPECT_TRUE(near(after.gradient.flat(), before.gradient.flat(), rounding<TypeParam>));
  });
}

}  // namespace
