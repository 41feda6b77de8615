// Clipping against its formula, and gradients that are huge, tiny or not numbers.
// group: training
#include "residual/train/clip.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "residual/core/parameters.hpp"
#include "residual/layers/linear.hpp"

#include "support/expect_near.hpp"

namespace {

using namespace residual;
using Real = long double;

template <class S>
class Clip : public testing::Test {};
using Scalars = testing::Types<float, double, long double>;
TYPED_TEST_SUITE(Clip, Scalars, );

template <class S>
constexpr Real ulps(int count) {
  return count * Real(std::numeric_limits<S>::epsilon());
}

TYPED_TEST(Clip, FollowsItsFormula) {
  using S = TypeParam;
  EXPECT_TRUE(rc::check("", [] {
    const auto values = *rc::gen::container<std::vector<int>>(rc::gen::inRange(-999, 1000));
    const double max_norm = *rc::gen::inRange(0, 4000);
    Column<S> g(Index(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) g[Index(i)] = S(values[i]);
    const Column<S> before = g;
    Real square = 0;
    for (const int value : values) square += Real(value) * Real(value);
    const Real norm = std::sqrt(square), factor = std::min(1.0L, Real(max_norm) / (norm + 1e-6L));
    RC_ASSERT(std::abs(Real(clip_by_global_norm(g, max_norm)) - norm) <= ulps<S>(20) * norm);
    for (Index i = 0; i < g.size(); ++i) {
      RC_ASSERT(std::abs(Real(g[i]) - factor * Real(before[i])) <= ulps<S>(24) * std::abs(Real(before[i])) + 1e-12L);
    }
  }));
}

TYPED_TEST(Clip, AShortGradientKeepsItsBits) {
  using S = TypeParam;
  Column<S> g(2);
  g << S(0.3L), S(-0.4L);
  const Column<S> before = g;
  test_support::expect_near(Real(clip_by_global_norm(g, 1)), 0.5L, 1e-7L);
  EXPECT_EQ(g, before);
}

TYPED_TEST(Clip, SquaresNeitherOverflowNorVanish) {
  using S = TypeParam;
  for (const S size : {std::numeric_limits<S>::max() / S(1024), std::numeric_limits<S>::min() * S(1024)}) {
    Column<S> g = Column<S>::Constant(10000, size);
    test_support::expect_near(Real(clip_by_global_norm(g, 2) / size), 100.0L, ulps<S>(1000));
    if (size > S(1)) {
      test_support::expect_near(Real(g.norm()), 2.0L, ulps<S>(1000));
    }
  }
}

/// A norm that no number holds is given as the largest one, and the gradient is clipped by the norm that it has.
TYPED_TEST(Clip, ANormLargerThanAnyNumberClipsRightly) {
  using S = TypeParam;
  const S most = std::numeric_limits<S>::max();
  Column<S> g(3);
  g << most, S(0), -most;
  EXPECT_EQ(clip_by_global_norm(g, 2), most);
  test_support::expect_near(Real(g[0]), std::sqrt(2.0L), ulps<S>(4));
  test_support::expect_near(Real(g[2]), -std::sqrt(2.0L), ulps<S>(4));
  EXPECT_EQ(g[1], S(0));
  g << most, S(0), most;
  const Column<S> before = g;
  clip_by_global_norm(g, std::numeric_limits<double>::infinity());
  EXPECT_EQ(g, before);
}

TYPED_TEST(Clip, LongGradientsKeepTheirDigits) {
  using S = TypeParam;
  Column<S> g = Column<S>::Constant(3000001, S(0.7L));
  g[5] = S(1);  // so that the scaled numbers' sum is not exact
  const Real norm = std::sqrt(1 + 3000000 * Real(g[0]) * Real(g[0]));
  test_support::expect_near(Real(clip_by_global_norm(g, 1e9)), norm, ulps<S>(100) * norm);
}

TYPED_TEST(Clip, WhatIsNotFiniteIsReportedAndLeft) {
  using S = TypeParam;
  const S nan = std::numeric_limits<S>::quiet_NaN(), infinity = std::numeric_limits<S>::infinity();
  for (const Index place : {0, 1, 7, 40, 99}) {
    for (const S bad : {nan, infinity, -infinity}) {
      for (const S other : {S(0), S(3)}) {
        Column<S> g = Column<S>::Constant(100, other);
        g[place] = bad;
        EXPECT_FALSE(std::isfinite(clip_by_global_norm(g, 1))) << place << " " << bad;
        EXPECT_EQ(g[(place + 1) % 100], other);
        EXPECT_TRUE(std::isnan(bad) ? std::isnan(g[place]) : g[place] == bad);
      }
    }
  }
  Column<S> both(3);
  both << infinity, nan, S(1);
  EXPECT_TRUE(std::isnan(clip_by_global_norm(both, 1)));
}

TYPED_TEST(Clip, NothingAndZeros) {
  using S = TypeParam;
  Column<S> none(0), zeros = Column<S>::Zero(9);
  EXPECT_EQ(clip_by_global_norm(none, 1), S(0));
  EXPECT_EQ(clip_by_global_norm(zeros, 0), S(0));
  EXPECT_EQ(zeros, Column<S>::Zero(9));
}

TEST(Clip, TakesAModelsGradient) {
  Parameters gradient(Linear<double>{3, 4});
  gradient.flat().setConstant(2);
  EXPECT_EQ(clip_by_global_norm(gradient.flat(), 4), 8);
  test_support::expect_near(gradient.flat().norm(), 4, 1e-6);
}

TEST(Clip, RefusesANormThatIsNone) {
  Column<double> g = Column<double>::Ones(4);
  EXPECT_THROW(clip_by_global_norm(g, -1), std::invalid_argument);
  EXPECT_THROW(clip_by_global_norm(g, std::nan("")), std::invalid_argument);
  EXPECT_EQ(g, Column<double>::Ones(4));
}

}  // namespace
