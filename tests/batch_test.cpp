// Sequences one after another, and which of their tokens are hidden.
// group: core
#include "residual/core/batch.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <numeric>

namespace {

using residual::Batch;
using residual::Index;

RC_GTEST_PROP(BatchProperty, LiesWithoutGaps, ()) {
  const auto lengths = *rc::gen::container<std::vector<Index>>(rc::gen::inRange<Index>(0, 50));
  const Batch batch = Batch::of(lengths);
  RC_ASSERT(batch.sequences() == Index(lengths.size()));
  RC_ASSERT(batch.tokens() == std::accumulate(lengths.begin(), lengths.end(), Index(0)));
  Index begin = 0, longest = 0;
  for (Index i = 0; i < batch.sequences(); ++i) {
    const Index length = lengths[std::size_t(i)];
    RC_ASSERT(batch.begin(i) == begin && batch.length(i) == length);
    RC_ASSERT(batch.hidden(i) == nullptr);
    begin += length;
    longest = std::max(longest, length);
  }
  RC_ASSERT(batch.longest() == longest);
}

TEST(Batch, WithoutSequencesIsEmpty) {
  for (const Batch& batch : {Batch(), Batch::of({})}) {
    EXPECT_EQ(batch.sequences(), 0);
    EXPECT_EQ(batch.tokens(), 0);
    EXPECT_EQ(batch.longest(), 0);
  }
}

TEST(Batch, TakesLengthsOfAnyIntegers) {
  EXPECT_EQ(Batch::of(std::vector<int>{3, 0, 4}).tokens(), 7);
  EXPECT_EQ(Batch::of(std::array<std::uint16_t, 2>{3, 1}).tokens(), 4);
  EXPECT_EQ(Batch::of(std::span<const Index>()).sequences(), 0);
  EXPECT_THROW(Batch::of(std::vector<int>{3, -1}), std::invalid_argument);
}

/// Lengths whose sum no Index holds, and differences of unsigned numbers below 0.
TEST(Batch, RefusesMoreTokensThanCanBe) {
  constexpr Index most = std::numeric_limits<Index>::max();
  EXPECT_EQ(Batch::of({most - 7, 7}).tokens(), most);
  EXPECT_THROW(Batch::of({most - 6, 7}), std::invalid_argument);
  const std::size_t two = 2;
  const std::vector<std::size_t> lengths{6, two - 3};
  EXPECT_THROW(Batch::of(lengths), std::invalid_argument);
  Batch batch = Batch::of({2});
  EXPECT_THROW(batch.assign(lengths), std::invalid_argument);
  EXPECT_EQ(batch.tokens(), 2);
}

TEST(Batch, IsAssignedWithoutItsCopies) {
  Batch batch = Batch::of({2, 3}), copy = batch;
  batch.assign(std::vector<int>{4, 0, 1}, std::vector<std::uint8_t>{0, 0, 0, 1, 0});
  EXPECT_EQ(batch.sequences(), 3);
  EXPECT_EQ(batch.tokens(), 5);
  EXPECT_EQ(batch.hidden(0)[3], 1);
  EXPECT_EQ(copy.tokens(), 5);
  EXPECT_EQ(copy.sequences(), 2);
  EXPECT_FALSE(copy.hides());
  Batch other = batch;
  other.assign({1});
  batch.assign({6});
  EXPECT_FALSE(batch.hides());
  EXPECT_EQ(batch.tokens(), 6);
  EXPECT_EQ(other.tokens(), 1);
  EXPECT_THROW(batch.assign({2, -1}), std::invalid_argument);
  EXPECT_THROW(batch.assign({2}, std::vector<std::uint8_t>{1}), std::invalid_argument);
  EXPECT_EQ(batch.tokens(), 6) << "a refusal changes nothing";
  Batch none;
  none.assign({9});
  EXPECT_EQ(Batch().tokens(), 0);
}

TEST(Batch, HidesTokensOfItsSequences) {
  const std::vector<std::uint8_t> mask = {0, 1, 0, 0, 0, 2};
  const Batch plain = Batch::of({2, 0, 4}), hiding = plain.hiding(mask);
  EXPECT_EQ(plain.hidden(0), nullptr) << "the batch itself does not change";
  EXPECT_EQ(hiding.tokens(), 6);
  EXPECT_EQ(hiding.length(2), 4);
  EXPECT_EQ(hiding.hidden(0)[0], 0);
  EXPECT_NE(hiding.hidden(0)[1], 0);
  EXPECT_EQ(hiding.hidden(2)[0], 0);
  EXPECT_NE(hiding.hidden(2)[3], 0);
}

TEST(Batch, CopiesOutliveTheOriginal) {
  Batch copy;
  {
    const Batch original = Batch::of({1, 2}).hiding(std::vector<std::uint8_t>{0, 0, 1});
    copy = original;
  }
  EXPECT_EQ(copy.tokens(), 3);
  EXPECT_EQ(copy.hidden(1)[1], 1);
}

TEST(Batch, HasFirstSequences) {
  const std::vector<std::uint8_t> mask = {0, 1, 0, 0, 1, 0};
  const Batch some = Batch::of({2, 0, 4}).hiding(mask).first(2);
  EXPECT_EQ(some.sequences(), 2);
  EXPECT_EQ(some.tokens(), 2);
  EXPECT_EQ(some.longest(), 2);
  EXPECT_NE(some.hidden(0)[1], 0);
  EXPECT_EQ(some.hiding(std::vector<std::uint8_t>(2)).sequences(), 2);
  EXPECT_EQ(some.first(0).tokens(), 0);
  EXPECT_THROW(some.first(3), std::invalid_argument);
  EXPECT_THROW(some.first(-1), std::invalid_argument);
}

TEST(Batch, RefusesNegativeLengthsAndMasksOfOtherSizes) {
  EXPECT_THROW(Batch::of({2, -1}), std::invalid_argument);
  EXPECT_THROW(Batch::of({-1}), std::invalid_argument);
  EXPECT_THROW(Batch::of({2}).hiding(std::vector<std::uint8_t>(1)), std::invalid_argument);
  EXPECT_THROW(Batch::of({2}).hiding(std::vector<std::uint8_t>(3)), std::invalid_argument);
  EXPECT_THROW(Batch().hiding(std::vector<std::uint8_t>(1)), std::invalid_argument);
  EXPECT_NO_THROW(Batch().hiding({}));
}

}  // namespace
