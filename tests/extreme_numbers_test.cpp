// Norms of numbers near the limits of double: two-pass variance, nothing squared that need not be; activations far out.
// group: stack_laws
// labels: long
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "residual/kernel/activation.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/layers/rms_norm.hpp"
#include "support/single_layer.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

/// A norm's row of numbers of size `scale`, and its gradient, against long double.

template <template <class> class Norm>
void expect_right_at(double scale) {
  const auto run = [&](auto scalar) {
    using S = decltype(scalar);
    Problem<SingleLayer<Norm<S>>> problem({Norm<S>(37)}, Batch::of({3}));
    problem.x = random_tokens<double>(3, 37, 1, scale).template cast<S>();
    problem.dy = random_tokens<double>(3, 37, 2).template cast<S>();
    Parameters<SingleLayer<Norm<double>>> theta({Norm<double>(37)});
    randomise(theta, 3);
    problem.theta.flat() = theta.flat().template cast<S>();
    return problem.run();
  };
  const auto got = run(double());
  const auto exact = run(static_cast<long double>(0));
  const auto relative = [](const auto& a, const auto& b) {
    using Precise = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
    const Precise p = a.template cast<long double>(), q = b;
    return double((p - q).cwiseAbs().maxCoeff() / q.cwiseAbs().maxCoeff());
  };
  EXPECT_LT(relative(got.y, exact.y), 1e-14) << "y at " << scale;
  EXPECT_LT(relative(got.dx, exact.dx), 1e-14) << "dx at " << scale;
  EXPECT_LT(relative(got.gradient.flat(), exact.gradient.flat()), 1e-14) << "gradient at " << scale;
}

TEST(ExtremeNumbers, LayerNormIsRight) {
  for (const int e : {-160, -100, -20, -3, 0, 3, 8, 50, 100, 150}) expect_right_at<LayerNorm>(std::pow(10.0, e));
}
TEST(ExtremeNumbers, RMSNormIsRight) {
  for (const int e : {-160, -100, -20, -3, 0, 3, 8, 50, 100, 150}) expect_right_at<RMSNorm>(std::pow(10.0, e));
}

/// A large mean takes only the digits that x - mean does not have.
TEST(ExtremeNumbers, LayerNormOfALargeMeanKeepsItsDigits) {
  Problem<SingleLayer<LayerNorm<double>>> problem({LayerNorm<double>(64)}, Batch::of({1})), moved = problem;
  problem.theta.flat() << Column<double>::Ones(64), Column<double>::Zero(64);
  problem.x = (problem.x * 1024).array().round() / 1024;  // so that adding 2^20 rounds nothing
  moved.theta = problem.theta;
  moved.x = problem.x.array() + std::ldexp(1, 20);
  EXPECT_TRUE(near(moved.run().y, problem.run().y, 1e-9));
}

/// A row of equal numbers has no spread, so beta is left, whatever the number and the width.
template <class S>
void expect_beta_of_equal_numbers() {
  for (const Index dim : {1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 37, 64, 100, 511, 768}) {
    Problem<SingleLayer<LayerNorm<S>>> problem({LayerNorm<S>(dim)}, Batch::of({4}));
    problem.x.colwise() = Eigen::Matrix<S, 4, 1>(S(1.85e8), S(-0.1), S(7.7e-30), S(1.8123456789e19));
    const auto y = problem.run().y;
    const auto beta = problem.theta.flat().tail(dim).transpose().eval();
    for (Index i = 0; i < y.rows(); ++i) {
      EXPECT_EQ((y.row(i) - beta).cwiseAbs().maxCoeff(), S(0)) << "dim " << dim << ", row " << i;
    }
  }
}
TEST(ExtremeNumbers, LayerNormOfEqualNumbersIsBeta) {
  expect_beta_of_equal_numbers<float>();
  expect_beta_of_equal_numbers<double>();
}

/// Far from 0 every activation is 0 or x, and its slope 0 or 1.
TEST(ExtremeNumbers, ActivationsAreRight) {
  for (const auto activation : {Activation::relu, Activation::gelu_erf, Activation::gelu_tanh, Activation::silu}) {
    for (const float x : {1e3f, 1e13f, 1e20f, std::numeric_limits<float>::max()}) {
      residual::with_activation(activation, [&](auto phi) {
        std::array<float, 4 * 64> got{};
        const auto keep = [&](int i, const residual::Pack<float>& pack) { pack.store(got.data() + 64 * i); };
        keep(0, phi.value(residual::Pack<float>(x)));
        keep(1, phi.slope(residual::Pack<float>(x)));
        keep(2, phi.value(residual::Pack<float>(-x)));
        keep(3, phi.slope(residual::Pack<float>(-x)));
        EXPECT_EQ(got[0], x) << int(activation);
        EXPECT_EQ(got[64], 1) << int(activation) << " at " << x;
        EXPECT_EQ(got[128], 0) << int(activation) << " at " << -x;
        EXPECT_EQ(got[192], 0) << int(activation) << " at " << -x;
      });
    }
  }
}

}  // namespace
