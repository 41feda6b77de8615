// The moving average of weights against its formula, number by number in long double.
// group: training
#include "residual/train/average.hpp"

#include <gtest/gtest.h>

#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;

Column<double> weights_of_step(std::uint64_t step) {
  Column<double> theta(9);
  test_support::randomise(theta, step + 1);
  return theta;
}

TEST(Average, FollowsItsFormula) {
  for (const bool warmup : {false, true}) {
    Average<double> average(weights_of_step(0), {.decay = 0.75, .warmup = warmup});
    Column<long double> expected = weights_of_step(0).cast<long double>();
    for (int t = 1; t <= 40; ++t) {
      average.update(weights_of_step(std::uint64_t(t)));
      const long double decay = warmup ? std::min(0.75L, (1.0L + t) / (10.0L + t)) : 0.75L;
      expected = decay * expected + (1 - decay) * weights_of_step(std::uint64_t(t)).cast<long double>();
    }
    EXPECT_EQ(average.updates, 40);
    EXPECT_LT((average.value.cast<long double>() - expected).cwiseAbs().maxCoeff(), 1e-15L);
  }
}

TEST(Average, WhatDoesNotChangeKeepsItsBits) {
  Column<double> theta = weights_of_step(0);
  theta[3] = 0.0, theta[4] = -0.0;
  Average<double> average(theta, {.decay = 0.9});
  for (int t = 0; t < 10; ++t) average.update(theta);
  EXPECT_TRUE(test_support::same_bits(average.value, theta));
}

TEST(Average, WithoutMemoryItIsTheLast) {
  Average<double> average(weights_of_step(0), {.decay = 0});
  average.update(weights_of_step(1));
  EXPECT_LT((average.value - weights_of_step(1)).norm(), 1e-15);
}

TEST(Average, ErrorsAreSentencesBeforeAnythingChanges) {
  EXPECT_THROW(Average<double>(weights_of_step(0), {.decay = 1.5}), std::invalid_argument);
  EXPECT_THROW(Average<double>(weights_of_step(0), {.decay = -0.1}), std::invalid_argument);
  EXPECT_THROW(Average<double>(weights_of_step(0), {.decay = std::nan("")}), std::invalid_argument);
  Average<double> average(weights_of_step(0));
  EXPECT_THROW(average.update(Column<double>::Zero(8)), std::invalid_argument);
  EXPECT_EQ(average.updates, 0);
  average.updates = -11;  // of which (1 + t) / (10 + t) would be infinite
  EXPECT_THROW(average.update(weights_of_step(1)), std::invalid_argument);
  EXPECT_EQ(average.updates, -11);
  EXPECT_EQ(average.value, weights_of_step(0));
}

}  // namespace
