// Losses against their formulas in long double, gradients against central differences, and what must keep its bits.
// group: training
#include "residual/train/loss.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <vector>

#include "residual/kernel/threads.hpp"

#include "support/expect_near.hpp"
#include "support/expect_sentence.hpp"

namespace {

using namespace residual;
using Real = long double;

/// The definition, by probabilities.
Real definition(const Tokens<Real>& z, const std::vector<int>& targets, const CrossEntropy& options) {
  Real total = 0;
  int counted = 0;
  for (Index t = 0; t < z.rows(); ++t) {
    if (targets[std::size_t(t)] == options.ignore_index) continue;
    ++counted;
    Real sum = 0;
    for (Index c = 0; c < z.cols(); ++c) sum += std::exp(z(t, c));
    const Real share = Real(options.label_smoothing) / Real(z.cols());
    for (Index c = 0; c < z.cols(); ++c) {
      const Real q = share + (c == targets[std::size_t(t)] ? 1 - Real(options.label_smoothing) : 0);
      total -= q * std::log(std::exp(z(t, c)) / sum);
    }
  }
  return counted == 0 ? 0 : total / Real(counted);
}

/// The gradient of f at x by central differences of fourth order.
template <class F>
Tokens<Real> differences(Tokens<Real> x, F f) {
  const Real h = 1e-3L;
  Tokens<Real> dx(x.rows(), x.cols());
  for (Index i = 0; i < x.size(); ++i) {
    const Real at = x.data()[i];
    const auto value = [&](Real shift) {
      x.data()[i] = at + shift;
      return f(x);
    };
    dx.data()[i] = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
    x.data()[i] = at;
  }
  return dx;
}

template <class S>
Tokens<S> numbers(Index rows, Index cols, double size = 1) {
  Tokens<double> x(rows, cols);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = size * std::sin(double(i * i % 1013) + 0.37 * double(i));
  return x.template cast<float>().template cast<S>();
}
std::vector<int> classes(Index rows, Index cols) {
  std::vector<int> targets;
  for (Index t = 0; t < rows; ++t) targets.push_back(int(t * t * 7 + t) % int(cols));
  return targets;
}

template <class S>
Real tolerance() {
  return 40 * Real(std::numeric_limits<S>::epsilon());
}

template <class S>
class Loss : public testing::Test {};
using Scalars = testing::Types<float, double, long double>;
TYPED_TEST_SUITE(Loss, Scalars, );

TYPED_TEST(Loss, CrossEntropyIsItsDefinition) {
  using S = TypeParam;
  for (const double smoothing : {0.0, 0.1, 1.0}) {
    for (const Index V : {1, 2, 3, 5, 16, 37}) {
      const CrossEntropy options{smoothing, -7};
      const Tokens<S> z = numbers<S>(9, V, 3);
      auto targets = classes(9, V);
      targets[0] = targets[5] = -7;
      Tokens<S> dz = Tokens<S>::Constant(9, V, std::numeric_limits<S>::quiet_NaN());
      const S loss = cross_entropy(z, targets, dz, options);
      const Tokens<Real> exact = z.template cast<Real>();
      test_support::expect_near(Real(loss), definition(exact, targets, options), tolerance<S>());
      const auto expected = differences(exact, [&](const Tokens<Real>& x) { return definition(x, targets, options); });
      const Real error = (dz.template cast<Real>() - expected).norm();
      EXPECT_LE(error, std::max<Real>(1e-11L, tolerance<S>()) * expected.norm() + tolerance<S>() / 10) << V;
      EXPECT_TRUE((dz.row(0).array() == S(0)).all() && (dz.row(5).array() == S(0)).all());
    }
  }
}

TYPED_TEST(Loss, GradientsAreExactOnRandomConfigurations) {
  using S = TypeParam;
  EXPECT_TRUE(rc::check("", [] {
    const Index T = *rc::gen::inRange<Index>(1, 7), V = *rc::gen::inRange<Index>(2, 24);
    const CrossEntropy options{*rc::gen::inRange(0, 10) / 10.0, *rc::gen::inRange(-2, 3)};
    const auto targets = *rc::gen::container<std::vector<int>>(std::size_t(T), rc::gen::inRange(0, int(V)));
    const Tokens<S> z = numbers<S>(T, V, *rc::gen::inRange(1, 5));
    Tokens<S> dz(T, V);
    cross_entropy(z, targets, dz, options);
    const auto expected =
        differences(z.template cast<Real>(), [&](const Tokens<Real>& x) { return definition(x, targets, options); });
    RC_ASSERT((dz.template cast<Real>() - expected).norm() <=
              std::max<Real>(1e-11L, tolerance<S>()) * (expected.norm() + Real(1e-2)));
  }));
}

TYPED_TEST(Loss, CrossEntropyIsStable) {
  using S = TypeParam;
  for (const S shift : {S(-1e30L), S(-1000), S(1000), S(1e30L)}) {
    Tokens<S> z(2, 3), dz(2, 3);
    z << shift, shift, shift, shift, S(0), S(0);
    const S far = shift > S(0) ? S(0) : -shift;  // the loss of the second row's first class
    const S loss = cross_entropy(z, std::vector<int>{1, 0}, dz);
    const Real tie = shift > S(0) ? 0 : std::log(2.0L);
    test_support::expect_near(Real(loss), (std::log(3.0L) + Real(far) + tie) / 2, tolerance<S>() * (2 + Real(far)));
    EXPECT_TRUE(dz.allFinite());
    test_support::expect_near(Real(dz.sum()), 0, tolerance<S>());
  }
}

TYPED_TEST(Loss, AClassMayBeRuledOut) {
  using S = TypeParam;
  const S never = -std::numeric_limits<S>::infinity();
  Tokens<S> z(1, 5), dz(1, 5);
  z << S(0.5), never, S(-1), never, S(2);
  const S loss = cross_entropy(z, std::vector<int>{2}, dz);
  const Real sum = std::exp(0.5L) + std::exp(-1.0L) + std::exp(2.0L);
  test_support::expect_near(Real(loss), std::log(sum) + 1, tolerance<S>());
  EXPECT_EQ(dz(0, 1), S(0));
  EXPECT_EQ(dz(0, 3), S(0));
}

TYPED_TEST(Loss, NothingToLearnFromIsZero) {
  using S = TypeParam;
  const Tokens<S> z = numbers<S>(3, 4);
  Tokens<S> dz = Tokens<S>::Ones(3, 4);
  EXPECT_EQ(cross_entropy(z, std::vector<int>(3, -100), dz), S(0));
  EXPECT_EQ(dz, Tokens<S>::Zero(3, 4));
  Tokens<S> none(0, 4);
  EXPECT_EQ(cross_entropy(none, std::vector<int>{}, none), S(0));
  EXPECT_EQ(mse(none, none, none), S(0));
}

TYPED_TEST(Loss, NanStaysInItsRowAndIgnoredRowsAreNotRead) {
  using S = TypeParam;
  Tokens<S> z = numbers<S>(4, 19), clean(4, 19), dz(4, 19);
  const CrossEntropy options{0.1};
  cross_entropy(z, std::vector<int>{3, -100, 18, 0}, clean, options);
  z.row(1).setConstant(std::numeric_limits<S>::quiet_NaN());
  const S loss = cross_entropy(z, std::vector<int>{3, -100, 18, 0}, dz, options);
  EXPECT_TRUE(std::isfinite(loss));
  EXPECT_EQ(dz, clean);
  z(2, 7) = std::numeric_limits<S>::quiet_NaN();
  EXPECT_TRUE(std::isnan(cross_entropy(z, std::vector<int>{3, -100, 18, 0}, dz, options)));
  EXPECT_TRUE(dz.row(2).array().isNaN().all());
  for (const Index t : {0, 1, 3}) EXPECT_EQ(dz.row(t), clean.row(t));
}

TYPED_TEST(Loss, WorksInPlaceAndOnPartsOfMatrices) {
  using S = TypeParam;
  const Tokens<S> z = numbers<S>(6, 21), target = numbers<S>(6, 21, 0.5);
  const auto targets = classes(6, 21);
  Tokens<S> dz(6, 21), dy(6, 21), wide = Tokens<S>::Constant(6, 30, S(5)), in_place = z;
  const S loss = cross_entropy(z, targets, dz, {0.1}), error = mse(z, target, dy);
  EXPECT_EQ(cross_entropy(in_place, targets, in_place, {0.1}), loss);
  EXPECT_EQ(in_place, dz);
  in_place = z;
  EXPECT_EQ(mse(in_place, target, in_place), error);
  EXPECT_EQ(in_place, dy);
  Out<S> part = Out<S>(wide).cols_from(4, 21);
  part = z;
  EXPECT_EQ(cross_entropy(part, targets, part, {0.1}), loss);
  EXPECT_EQ(wide.middleCols(4, 21), dz);
  EXPECT_TRUE((wide.leftCols(4).array() == S(5)).all() && (wide.rightCols(5).array() == S(5)).all());
}

TYPED_TEST(Loss, AnyNumberOfThreadsGivesTheSameBits) {
  using S = TypeParam;
  const Index T = 701, V = 203;
  const Tokens<S> z = numbers<S>(T, V, 4), target = numbers<S>(T, V);
  auto targets = classes(T, V);
  targets[10] = -100;
  Tokens<S> dz(T, V), dy(T, V), other(T, V);
  const S loss = cross_entropy(z, targets, dz, {0.1}), error = mse(z, target, dy);
  for (const Index count : {1, 2, 3, 8}) {
    const Threads threads(count);
    EXPECT_EQ(cross_entropy(z, targets, other, {0.1}, threads), loss);
    EXPECT_EQ(other, dz);
    EXPECT_EQ(mse(z, target, other, threads), error);
    EXPECT_EQ(other, dy);
  }
}

TYPED_TEST(Loss, WithoutAGradientHasTheSameBits) {
  using S = TypeParam;
  const Threads threads(3);
  for (const double smoothing : {0.0, 0.1, 1.0}) {
    for (const Index T : {0, 1, 7, 300}) {
      const CrossEntropy options{smoothing, -7};
      Tokens<S> z = numbers<S>(T, 203, 4), dz(T, 203);
      auto targets = classes(T, 203);
      if (T > 1) targets[1] = -7;
      const S loss = cross_entropy(z, targets, dz, options);
      if (T > 1) z.row(1).setConstant(std::numeric_limits<S>::quiet_NaN());  // which is not read
      EXPECT_EQ(cross_entropy(z, targets, options), loss);
      EXPECT_EQ(cross_entropy(z, targets, options, threads), loss);
    }
  }
  const Tokens<S> z = numbers<S>(2, 3);
  test_support::expect_sentence([&] { cross_entropy(z, std::vector<int>{0}); }, {"1 target for 2 rows"});
  test_support::expect_sentence([&] { cross_entropy(z, std::vector<int>{0, 3}); }, {"row 1 is 3", "3 classes"});
  test_support::expect_sentence([&] { cross_entropy(z, std::vector<int>{0, 1}, {1.5}); }, {"label_smoothing is 1.5"});
}

TYPED_TEST(Loss, TargetsMayBeWrittenOut) {
  using S = TypeParam;
  const Tokens<S> z = numbers<S>(3, 4);
  Tokens<S> dz(3, 4), other(3, 4);
  const std::vector<int> targets{3, 0, 2};
  const CrossEntropy options{.label_smoothing = 0.1};
  EXPECT_EQ(cross_entropy(z, {3, 0, 2}, other, options), cross_entropy(z, targets, dz, options));
  EXPECT_EQ(other, dz);
  EXPECT_EQ(cross_entropy(z, {3, 0, 2}, options), cross_entropy(z, targets, options));
}

TYPED_TEST(Loss, MseIsItsDefinition) {
  using S = TypeParam;
  for (const Index cols : {1, 3, 8, 33}) {
    const Tokens<S> y = numbers<S>(7, cols, 2), target = numbers<S>(7, cols).array() + S(1);
    Tokens<S> dy = Tokens<S>::Constant(7, cols, std::numeric_limits<S>::quiet_NaN());
    const Tokens<Real> exact = y.template cast<Real>(), goal = target.template cast<Real>();
    const auto definition = [&](const Tokens<Real>& x) { return (x - goal).array().square().mean(); };
    test_support::expect_near(Real(mse(y, target, dy)), definition(exact), tolerance<S>() * definition(exact));
    const auto expected = differences(exact, definition);
    EXPECT_LE((dy.template cast<Real>() - expected).norm(), std::max<Real>(1e-11L, tolerance<S>()) * expected.norm());
  }
}

TEST(Loss, ErrorsAreSentencesBeforeAnythingIsWritten) {
  const Tokens<double> z = numbers<double>(3, 4), seven = Tokens<double>::Constant(3, 4, 7);
  Tokens<double> dz = seven, narrow(3, 3);
  const std::vector<int> good{0, 1, 3};
  EXPECT_EQ(test_support::sentence_of([&] {
              cross_entropy(z, std::vector<int>{0, 1, 4}, dz);
            }),
            "cross_entropy: the target of row 2 is 4, but the logits have 4 classes; give a class from 0 on or "
            "ignore_index (-100).");
  EXPECT_NE(test_support::sentence_of([&] {
              cross_entropy(z, std::vector<int>{0, -1, 3}, dz);
            }).find("row 1 is -1"),
            std::string::npos);
  EXPECT_NE(test_support::sentence_of([&] {
              cross_entropy(z, std::vector<int>{0, 1}, dz);
            }).find("2 targets for 3"),
            std::string::npos);
  EXPECT_NE(test_support::sentence_of([&] { cross_entropy(z, good, dz, {1.5}); }).find("label_smoothing is 1.5"),
            std::string::npos);
  EXPECT_NE(test_support::sentence_of([&] { cross_entropy(z, good, dz, {std::nan("")}); }).find("label_smoothing"),
            std::string::npos);
  EXPECT_NE(test_support::sentence_of([&] { cross_entropy(z, good, narrow); }).find("[3 x 3], but [3 x 4]"),
            std::string::npos);
  EXPECT_NE(test_support::sentence_of([&] { mse(z, narrow, dz); }).find("mse: target is [3 x 3], but [3 x 4]"),
            std::string::npos);
  EXPECT_NE(test_support::sentence_of([&] { mse(z, z, narrow); }).find("mse: dy"), std::string::npos);
  EXPECT_EQ(dz, seven);
}

}  // namespace
