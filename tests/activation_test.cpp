// Activations where they are small: relative errors against long double, and what they make of infinity and NaN.
// group: layers
#include "residual/kernel/activation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/every_scalar.hpp"

namespace {

using namespace test_support;

template <class S>
class ActivationTails : public testing::Test {};
TYPED_TEST_SUITE(ActivationTails, EveryScalar);

/// f of one number, which stands beside zeros in a pack.
template <class S, class F>
S activated(S x, F&& f) {
  S values[std::size_t(residual::Pack<S>::lanes)] = {x};
  f(residual::Pack<S>::load(values)).store(values);
  return values[0];
}

/// The largest relative error of f in low .. high, in units of the scalar's precision.
template <class S, class F, class Exact>
double worst_relative(double low, double high, F&& f, Exact&& exact) {
  constexpr int count = 20000;
  long double worst = 0;
  for (int i = 0; i < count; ++i) {
    const S x = S(low + (high - low) * i / count);
    const long double right = exact(static_cast<long double>(x));
    worst = std::max(worst, std::abs((activated(x, f) - right) / right));
  }
  return double(worst) / double(std::numeric_limits<S>::epsilon());
}

long double phi(long double x) { return std::erfc(-x / std::sqrt(2.0L)) / 2; }
long double density(long double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0L)); }

TYPED_TEST(ActivationTails, GeluKeepsItsDigits) {
  const auto value = [](const auto& x) { return residual::GeluErf::value(x); };
  const auto slope = [](const auto& x) { return residual::GeluErf::slope(x); };
  const auto exact_value = [](long double x) { return x * phi(x); };
  const auto exact_slope = [](long double x) { return phi(x) + x * density(x); };
  // in double the argument of erfc is rounded, which counts x^2 times
  const double few = sizeof(TypeParam) == 4 ? 6 : 200;
  EXPECT_LT(worst_relative<TypeParam>(-12.5, -3.001, value, exact_value), few);
  EXPECT_LT(worst_relative<TypeParam>(-12.5, -3.001, slope, exact_slope), few);
  EXPECT_LT(worst_relative<TypeParam>(0.01, 12.5, value, exact_value), 4);
  EXPECT_LT(worst_relative<TypeParam>(0.01, 12.5, slope, exact_slope), 4);
  EXPECT_LT(worst_relative<TypeParam>(-3, -0.01, value, exact_value), 1500);  // 1/2 and what is added cancel
}

TYPED_TEST(ActivationTails, SiluKeepsItsDigits) {
  const auto value = [](const auto& x) { return residual::Silu::value(x); };
  EXPECT_LT(worst_relative<TypeParam>(-80, 80.01, value, [](long double x) { return x / (1 + std::exp(-x)); }), 4);
}

/// GELU and SiLU are NaN at -infinity, as PyTorch's are, and infinity at infinity; NaN stays.
TYPED_TEST(ActivationTails, EndsAreThoseOfPyTorch) {
  using S = TypeParam;
  const S infinity = std::numeric_limits<S>::infinity();
  const auto gelu = [](const auto& x) { return residual::GeluErf::value(x); };
  const auto silu = [](const auto& x) { return residual::Silu::value(x); };
  EXPECT_EQ(activated(infinity, gelu), infinity);
  EXPECT_EQ(activated(infinity, silu), infinity);
  for (const S x : {-infinity, std::numeric_limits<S>::quiet_NaN()}) {
    EXPECT_TRUE(std::isnan(activated(x, gelu))) << x;
    EXPECT_TRUE(std::isnan(activated(x, silu))) << x;
  }
  for (const S x : {S(40), S(1000), S(1e9)}) {
    EXPECT_EQ(activated(x, gelu), x);
    EXPECT_EQ(activated(-x, gelu), S(0)) << x;
  }
}

}  // namespace
