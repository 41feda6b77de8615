// SGD against its formula, number by number in long double.
#include "residual/train/sgd.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {

using namespace residual;
using Real = long double;
constexpr Index size = 37;

template <class S>
Column<S> numbers(double phase) {
  Column<S> x(size);
  for (Index i = 0; i < size; ++i) x[i] = S(float(std::sin(phase + 1.7 * double(i))));
  return x;
}

/// EXPECT_NEAR in long double.
void expect_near(Real value, Real expected, Real tolerance) {
  EXPECT_LE(std::abs(value - expected), tolerance) << value << " is not " << expected;
}

/// PyTorch's SGD on one number.
struct Scalar {
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
  Column<S> mask = Column<S>::Ones(size);
  for (Index i = 0; i < size; i += 3) mask[i] = S(0);
  for (const SgdOptions& options : {SgdOptions{}, SgdOptions{0.875}, SgdOptions{0.875, 0.0625},
                                    SgdOptions{0.875, 0.0625, true}, SgdOptions{0, 0.0625}}) {
    for (const bool masked : {false, true}) {
      Sgd<S> sgd(size, options, masked ? mask : Column<S>());
      Column<S> theta = numbers<S>(0);
      std::vector<Scalar> scalars;
      for (Index i = 0; i < size; ++i) scalars.push_back({Real(theta[i]), masked ? Real(mask[i]) : 1});
      for (int t = 0; t < 50; ++t) {
        const Column<S> g = numbers<S>(t);
        const double rate = 1.0 / (8 << (t % 3));
        sgd.step(theta, g, rate);
        for (Index i = 0; i < size; ++i) scalars[std::size_t(i)].step(Real(g[i]), options, rate);
      }
      for (Index i = 0; i < size; ++i) {
        const Real expected = scalars[std::size_t(i)].theta;
        expect_near(Real(theta[i]), expected, 200 * Real(std::numeric_limits<S>::epsilon()) * (1 + std::abs(expected)));
      }
    }
  }
}

TYPED_TEST(SgdOf, ItsStateIsB) {
  using S = TypeParam;
  const SgdOptions options{0.9, 0.01, true};
  Sgd<S> whole(size, options), first(size, options), second(size, options);
  Column<S> a = numbers<S>(1), b = a;
  for (int t = 0; t < 6; ++t) whole.step(a, numbers<S>(t), 0.1);
  for (int t = 0; t < 3; ++t) first.step(b, numbers<S>(t), 0.1);
  second.b = first.b;
  for (int t = 3; t < 6; ++t) second.step(b, numbers<S>(t), 0.1);
  EXPECT_EQ(a, b);
}

TEST(Sgd, ErrorsAreSentencesBeforeAnythingChanges) {
  EXPECT_THROW(Sgd<float>(3, {1.0}), std::invalid_argument);
  EXPECT_THROW(Sgd<float>(3, {-0.1}), std::invalid_argument);
  EXPECT_THROW(Sgd<float>(3, {0.9, -1}), std::invalid_argument);
  EXPECT_THROW(Sgd<float>(3, {}, Column<float>::Ones(2)), std::invalid_argument);
  Sgd<double> sgd(size, {0.9});
  Column<double> theta = numbers<double>(0), g = numbers<double>(1);
  const Column<double> before = theta;
  EXPECT_THROW(sgd.step(theta, Column<double>::Ones(size - 1), 0.1), std::invalid_argument);
  Column<double> longer = Column<double>::Ones(size + 1);
  EXPECT_THROW(sgd.step(longer, g, 0.1), std::invalid_argument);
  EXPECT_THROW(sgd.step(longer, longer, 0.1), std::invalid_argument);
  EXPECT_THROW(sgd.step(theta, g, std::nan("")), std::invalid_argument);
  EXPECT_EQ(theta, before);
  EXPECT_EQ(sgd.b, Column<double>::Zero(size));
}

}  // namespace
