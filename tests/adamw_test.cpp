// AdamW against its formula, number by number in long double.
// group: training
#include "residual/train/adamw.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "residual/model/encoder.hpp"
#include "residual/wiring/post_ln.hpp"

#include "support/expect_near.hpp"

namespace {

using namespace residual;
using Real = long double;
constexpr Index size = 37;

template <class S>
Column<S> numbers(double phase) {
  Column<S> x(size);
  for (Index i = 0; i < size; ++i) x[i] = S(float(std::sin(phase + 1.7 * double(i)))) * (i % 5 == 0 ? S(1e-4f) : S(1));
  return x;
}

/// PyTorch's AdamW on one number, in the order of its own statements.
struct AdamWOfOne {
  Real theta, mask = 1;
  Real average = 0, square = 0;
  void step(Real g, const AdamWOptions& o, Real rate, int t) {
    theta *= 1 - rate * Real(o.weight_decay) * mask;
    average += (g - average) * (1 - Real(o.beta1));
    square = square * Real(o.beta2) + (1 - Real(o.beta2)) * g * g;
    const Real step_size = rate / (1 - std::pow(Real(o.beta1), t));
    const Real denominator = std::sqrt(square) / std::sqrt(1 - std::pow(Real(o.beta2), t)) + Real(o.epsilon);
    theta -= step_size * average / denominator;
  }
};

template <class S>
class AdamWOf : public testing::Test {};
using Scalars = testing::Types<float, double, long double>;
TYPED_TEST_SUITE(AdamWOf, Scalars, );

TYPED_TEST(AdamWOf, FollowsItsFormula) {
  using S = TypeParam;
  Column<S> mask = Column<S>::Ones(size);
  for (Index i = 0; i < size; i += 3) mask[i] = S(0);
  // 1 - beta is taken in double, so powers of two keep the comparison in long double exact
  for (const AdamWOptions& options :
       {AdamWOptions{0.875, 0.984375}, AdamWOptions{0.875, 0.96875, 0x1p-20, 0.25}, AdamWOptions{0, 0.5, 0x1p-10, 0}}) {
    for (const bool masked : {false, true}) {
      AdamW<S> adam(size, options, masked ? mask : Column<S>());
      Column<S> theta = numbers<S>(0);
      std::vector<AdamWOfOne> scalars;
      for (Index i = 0; i < size; ++i) scalars.push_back({Real(theta[i]), masked ? Real(mask[i]) : 1});
      for (int t = 1; t <= 50; ++t) {
        const Column<S> g = numbers<S>(t);
        const double rate = 1.0 / (64 << (t % 3));
        adam.step(theta, g, rate);
        for (Index i = 0; i < size; ++i) scalars[std::size_t(i)].step(Real(g[i]), options, rate, t);
      }
      EXPECT_EQ(adam.steps, 50);
      const Real tolerance = 100 * Real(std::max<Real>(std::numeric_limits<S>::epsilon(), 1e-17L));
      for (Index i = 0; i < size; ++i)
        test_support::expect_near(Real(theta[i]), scalars[std::size_t(i)].theta, tolerance);
    }
  }
}

TYPED_TEST(AdamWOf, TheFirstStepIsTheGradientsSign) {
  using S = TypeParam;
  const double least = 2 * std::sqrt(double(std::numeric_limits<S>::min()));
  AdamW<S> adam(size, {.epsilon = std::max(least, 1e-30), .weight_decay = 0});
  Column<S> theta = Column<S>::Zero(size);
  const Column<S> g = numbers<S>(1);
  adam.step(theta, g, 0.5);
  for (Index i = 0; i < size; ++i) {
    test_support::expect_near(Real(theta[i]), g[i] > S(0) ? -0.5L : 0.5L, 4 * std::numeric_limits<S>::epsilon());
  }
}

TYPED_TEST(AdamWOf, ItsStateIsMVAndSteps) {
  using S = TypeParam;
  AdamW<S> whole(size), first(size), second(size);
  Column<S> a = numbers<S>(1), b = a;
  for (int t = 0; t < 6; ++t) whole.step(a, numbers<S>(t), 0.1);
  for (int t = 0; t < 3; ++t) first.step(b, numbers<S>(t), 0.1);
  second.m = first.m, second.v = first.v, second.steps = first.steps;
  for (int t = 3; t < 6; ++t) second.step(b, numbers<S>(t), 0.1);
  EXPECT_EQ(a, b);
}

TEST(AdamW, StepsOnAModelsParametersAndSparesItsVectors) {
  const auto model = encoder(PostLN<float>(8), {.dim = 8, .heads = 2, .hidden = 16, .depth = 2});
  Parameters theta(model), gradient(model);
  theta.flat().setOnes();
  AdamW<float> adam(theta.size(), {.weight_decay = 0.5}, decay_mask(theta));
  adam.step(theta.flat(), gradient.flat(), 0.5);
  for (const auto& entry : theta.manifest()) {
    const float expected = entry.layout == Layout::vector ? 1.0f : 0.75f;
    EXPECT_TRUE((theta.flat().segment(entry.offset, entry.size()).array() == expected).all()) << entry.name;
  }
}

/// A first step is no longer than the rate, however low the gradient and epsilon are.
template <class S>
void expect_bounded_steps() {
  const double least = double(std::numeric_limits<S>::min());
  for (double g = least; g < 1; g *= 16) {
    AdamW<S> adam(1, {.epsilon = 1.001 * std::sqrt(least), .weight_decay = 0});
    Column<S> theta = Column<S>::Zero(1);
    const Column<S> gradient = Column<S>::Constant(1, S(g));
    adam.step(theta, gradient, 0.1);
    EXPECT_LE(std::abs(theta[0]), S(0.100001)) << g;
  }
}
TEST(AdamW, StepsAreBoundedWhereTheSecondMomentIsLost) {
  expect_bounded_steps<float>();
  expect_bounded_steps<double>();
}

TEST(AdamW, ErrorsAreSentencesBeforeAnythingChanges) {
  EXPECT_THROW(AdamW<float>(3, {.beta1 = 1}), std::invalid_argument);
  EXPECT_THROW(AdamW<float>(3, {.beta2 = -0.1}), std::invalid_argument);
  // 1e-60 and 1e60 are 0 and infinite as floats; 1e-30 is less than the root of a v that is lost.
  for (const double epsilon : {std::nan(""), 0.0, -1e-8, 1e-30, 1e-60, 1e60}) {
    EXPECT_THROW(AdamW<float>(3, {.epsilon = epsilon}), std::invalid_argument) << epsilon;
  }
  EXPECT_THROW(AdamW<float>(3, {.weight_decay = -1}), std::invalid_argument);
  EXPECT_THROW(AdamW<float>(3, {}, Column<float>::Ones(2)), std::invalid_argument);
  EXPECT_THROW(AdamW<float>(-1), std::invalid_argument);
  AdamW<double> adam(size);
  Column<double> theta = numbers<double>(0), g = numbers<double>(1);
  const Column<double> before = theta;
  adam.steps = -1;
  EXPECT_THROW(adam.step(theta, g, 0.1), std::invalid_argument);
  EXPECT_EQ(adam.steps, -1);
  adam.steps = 0;
  Column<double> shorter = Column<double>::Ones(size - 1), longer = Column<double>::Ones(size + 1);
  EXPECT_THROW(adam.step(theta, shorter, 0.1), std::invalid_argument);
  EXPECT_THROW(adam.step(longer, g, 0.1), std::invalid_argument);
  EXPECT_THROW(adam.step(longer, longer, 0.1), std::invalid_argument);
  EXPECT_THROW(adam.step(theta, g, -1), std::invalid_argument);
  EXPECT_THROW(adam.step(theta, g, std::numeric_limits<double>::infinity()), std::invalid_argument);
  EXPECT_EQ(theta, before);
  EXPECT_EQ(adam.steps, 0);
  EXPECT_EQ(adam.m, Column<double>::Zero(size));
}

}  // namespace
