// Learning rates at steps worked out by hand.
// group: training
#include "residual/train/schedule.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace {

using namespace residual;

TEST(Schedule, ConstantIsConstant) {
  const Constant rate{0.25};
  EXPECT_EQ(rate(0), 0.25);
  EXPECT_EQ(rate(1000000), 0.25);
}

TEST(Schedule, InverseSquareRootRisesAndFalls) {
  const InverseSquareRoot rate{5e-4, 4000};
  EXPECT_EQ(rate(0), 1e-7);
  EXPECT_DOUBLE_EQ(rate(1000), 1e-7 + (5e-4 - 1e-7) / 4);
  EXPECT_DOUBLE_EQ(rate(4000), 5e-4);
  EXPECT_DOUBLE_EQ(rate(16000), 2.5e-4);
  EXPECT_DOUBLE_EQ(rate(36000), 5e-4 / 3);
}

TEST(Schedule, InverseSquareRootWithoutWarmUp) {
  const InverseSquareRoot rate{0.5, 0};
  EXPECT_EQ(rate(0), 0.5);
  EXPECT_EQ(rate(1), 0.5);
  EXPECT_EQ(rate(4), 0.25);
}

TEST(Schedule, CosineFallsToItsFloor) {
  const Cosine rate{1.0, 9, 109, 0.25};
  EXPECT_DOUBLE_EQ(rate(0), 0.1);
  EXPECT_DOUBLE_EQ(rate(8), 0.9);
  EXPECT_DOUBLE_EQ(rate(9), 1.0);
  EXPECT_DOUBLE_EQ(rate(34), 0.25 + 0.75 * (1 + std::sqrt(0.5)) / 2);
  EXPECT_DOUBLE_EQ(rate(59), 0.625);
  EXPECT_DOUBLE_EQ(rate(84), 0.25 + 0.75 * (1 - std::sqrt(0.5)) / 2);
  EXPECT_EQ(rate(109), 0.25);
  EXPECT_EQ(rate(100000), 0.25);
}

TEST(Schedule, CosineNeverJumpsUpAfterItsPeak) {
  const Cosine rate{3e-4, 20, 300};
  for (Index step = 0; step < 20; ++step) EXPECT_LT(rate(step), rate(step + 1));
  for (Index step = 20; step < 300; ++step) EXPECT_GT(rate(step), rate(step + 1));
}

TEST(Schedule, CosineWithoutRoomForItsFall) {
  EXPECT_EQ((Cosine{1, 0, 0, 0.5}(0)), 0.5);
  EXPECT_EQ((Cosine{1, 4, 2, 0.5}(3)), 0.8);
  EXPECT_EQ((Cosine{1, 4, 2, 0.5}(4)), 0.5);
}

TEST(Schedule, WrongValuesAreSentences) {
  EXPECT_THROW(Constant{-1}(0), std::invalid_argument);
  EXPECT_THROW(Constant{std::nan("")}(0), std::invalid_argument);
  EXPECT_THROW((InverseSquareRoot{1, -1}(0)), std::invalid_argument);
  EXPECT_THROW((InverseSquareRoot{1, 10}(-1)), std::invalid_argument);
  EXPECT_THROW((Cosine{-1, 0, 10}(0)), std::invalid_argument);
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), -0.1}) {
    EXPECT_THROW(Constant{bad}(0), std::invalid_argument) << bad;
    EXPECT_THROW((InverseSquareRoot{bad, 10}(0)), std::invalid_argument) << bad;
    EXPECT_THROW((InverseSquareRoot{1, 10, bad}(0)), std::invalid_argument) << bad;
    EXPECT_THROW((Cosine{bad, 0, 10}(0)), std::invalid_argument) << bad;
    EXPECT_THROW((Cosine{1, 0, 10, bad}(0)), std::invalid_argument) << bad;
  }
}

}  // namespace
