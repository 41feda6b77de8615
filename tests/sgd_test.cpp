// SGD against its formula, number by number in long double.
// group: training
#include "residual/train/sgd.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/expect_near.hpp"

namespace {

using namespace residual;
using Real = long double;
constexpr Index count = 37;

template <class S>
Column<S> smooth_numbers(double phase) {
  Column<S> x(count);
  for (Index i = 0; i < count; ++i) x[i] = S(float(std::sin(phase + 1.7 * double(i))));
  return x;
}

/// PyTorch's SGD on one number.
struct SgdOfOne {
  Real theta, mask = 1;
  bool started = false;
  Real buffer = 0;
  void step(Real g, const SgdOptions& o, Real rate) {
    g += Real(o.weight_decay) * mask * theta;
    if (o.momentum != 0) {
      buffer = started ? Real(o.momentum) * buffer + g : g;
      started = true;
      g = o.nesterov ? g + Real(o.momentum) * buffer : buffer;
    }
    theta -= rate * g;
  }
};

template <class S>
class SgdOf : public testing::Test {};
using Scalars = testing::Types<float, double, long double>;
TYPED_TEST_SUITE(SgdOf, Scalars, );

TYPED_TEST(SgdOf, FollowsItsFormula) {
  using S = TypeParam;
  Column<S> mask = Column<S>::Ones(count);
  for (Index i = 0; i < count; i += 3) mask[i] = S(0);
  for (const SgdOptions& options : {SgdOptions{}, SgdOptions{0.875}, SgdOptions{0.875, 0.0625},
                                    SgdOptions{0.875, 0.0625, true}, SgdOptions{0, 0.0625}}) {
    for (const bool masked : {false, true}) {
      Sgd<S> sgd(count, options, masked ? mask : Column<S>());
      Column<S> theta = smooth_numbers<S>(0);
      std::vector<SgdOfOne> scalars;
      for (Index i = 0; i < count; ++i) scalars.push_back({Real(theta[i]), masked ? Real(mask[i]) : 1});
      for (int t = 0; t < 50; ++t) {
        const Column<S> g = smooth_numbers<S>(t);
        const double rate = 1.0 / (8 << (t % 3));
        sgd.step(theta, g, rate);
        for (Index i = 0; i < count; ++i) scalars[std::size_t(i)].step(Real(g[i]), options, rate);
      }
      for (Index i = 0; i < count; ++i) {
        const Real expected = scalars[std::size_t(i)].theta;
        test_support::expect_near(Real(theta[i]), expected,
                                  200 * Real(std::numeric_limits<S>::epsilon()) * (1 + std::abs(expected)));
      }
    }
  }
}

TYPED_TEST(SgdOf, ItsStateIsB) {
  using S = TypeParam;
  const SgdOptions options{0.9, 0.01, true};
  Sgd<S> whole(count, options), first(count, options), second(count, options);
  Column<S> a = smooth_numbers<S>(1), b = a;
  for (int t = 0; t < 6; ++t) whole.step(a, smooth_numbers<S>(t), 0.1);
  for (int t = 0; t < 3; ++t) first.step(b, smooth_numbers<S>(t), 0.1);
  second.b = first.b;
  for (int t = 3; t < 6; ++t) second.step(b, smooth_numbers<S>(t), 0.1);
  EXPECT_EQ(a, b);
}

TEST(Sgd, ErrorsAreSentencesBeforeAnythingChanges) {
  EXPECT_THROW(Sgd<float>(3, {1.0}), std::invalid_argument);
  EXPECT_THROW(Sgd<float>(3, {-0.1}), std::invalid_argument);
  EXPECT_THROW(Sgd<float>(3, {0.9, -1}), std::invalid_argument);
  EXPECT_THROW(Sgd<float>(3, {}, Column<float>::Ones(2)), std::invalid_argument);
  Sgd<double> sgd(count, {0.9});
  Column<double> theta = smooth_numbers<double>(0), g = smooth_numbers<double>(1);
  const Column<double> before = theta;
  Column<double> shorter = Column<double>::Ones(count - 1), longer = Column<double>::Ones(count + 1);
  EXPECT_THROW(sgd.step(theta, shorter, 0.1), std::invalid_argument);
  EXPECT_THROW(sgd.step(longer, g, 0.1), std::invalid_argument);
  EXPECT_THROW(sgd.step(longer, longer, 0.1), std::invalid_argument);
  EXPECT_THROW(sgd.step(theta, g, std::nan("")), std::invalid_argument);
  EXPECT_EQ(theta, before);
  EXPECT_EQ(sgd.b, Column<double>::Zero(count));
}

}  // namespace
