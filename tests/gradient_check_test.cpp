// The gradient checker itself: what it must accept, what it must find, and whom it must name.
// group: training
#include "residual/numeric/gradient_check.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "residual/residual.hpp"
#include "support/expect_sentence.hpp"
#include "support/random.hpp"

namespace {

using namespace residual;
using Real = long double;
using test_support::Random;

/// sum_i sin(x_i x_{i+1}) + x_i^4 / 4, with its gradient.
Real smooth(const Column<Real>& x) {
  Real sum = 0;
  for (Index i = 0; i < x.size(); ++i) sum += std::sin(x[i] * x[(i + 1) % x.size()]) + std::pow(x[i], 4) / 4;
  return sum;
}
Column<Real> smooth_gradient(const Column<Real>& x) {
  Column<Real> g(x.size());
  const Index n = x.size();
  for (Index i = 0; i < n; ++i) {
    const Real before = x[(i + n - 1) % n], after = x[(i + 1) % n];
    g[i] = before * std::cos(before * x[i]) + after * std::cos(after * x[i]) + x[i] * x[i] * x[i];
  }
  return g;
}

Column<Real> random_vector(Index size, std::uint64_t seed = 1) { return Random(seed).tokens(size, 1).cast<Real>(); }

const Manifest names{{"first.weight", 0, 3, 4, Layout::transposed}, {"first.bias", 12, 1, 5, Layout::vector}};

TEST(GradientCheck, AcceptsAnExactGradient) {
  const auto x = random_vector(17);
  const auto report = gradient_check(smooth, x, smooth_gradient(x), names);
  EXPECT_TRUE(report) << report.message();
  EXPECT_LT(report.worst, 1e-13L);
  EXPECT_NE(report.message().find("agrees"), std::string::npos);
}

TEST(GradientCheck, AcceptsAGradientFarFromZeroAndCloseToIt) {
  for (const Real size : {1e-9L, 1e2L}) {
    const Column<Real> x = size * random_vector(17);
    const auto report = gradient_check(smooth, x, smooth_gradient(x));
    EXPECT_TRUE(report) << report.message();
  }
}

TEST(GradientCheck, FindsAPlantedErrorInEveryEntryAndNamesIt) {
  const auto x = random_vector(17);
  for (Index i = 0; i < x.size(); ++i) {
    auto wrong = smooth_gradient(x);
    wrong[i] += 1e-9L * wrong.segment(i < 12 ? 0 : 12, i < 12 ? 12 : 5).cwiseAbs().maxCoeff();
    const auto report = gradient_check(smooth, x, wrong, names);
    EXPECT_FALSE(report) << report.message();
    EXPECT_NEAR(double(report.worst), 1e-9, 1e-11);
    EXPECT_EQ(report.index, i);
    EXPECT_EQ(report.got, wrong[i]);
    const auto expected = i < 12 ? "first.weight[" + std::to_string(i / 4) + ", " + std::to_string(i % 4) + "]"
                                 : "first.bias[" + std::to_string(i - 12) + "]";
    EXPECT_EQ(report.name, expected);
    EXPECT_NE(report.message().find(" in " + expected + ","), std::string::npos) << report.message();
    EXPECT_NE(report.message().find("contradicts"), std::string::npos) << report.message();
  }
}

TEST(GradientCheck, TakesAnyCallable) {
  const auto x = random_vector(5);
  const auto g = smooth_gradient(x);
  int calls = 0;
  struct Functor {
    Real operator()(const Column<Real>& v) { return smooth(v); }
  };
  EXPECT_TRUE(gradient_check([&](const Column<Real>& v) { return ++calls, smooth(v); }, x, g));
  EXPECT_EQ(calls, 4 * 5);
  EXPECT_TRUE(gradient_check(&smooth, x, g));
  EXPECT_TRUE(gradient_check(std::function<Real(const Column<Real>&)>(smooth), x, g));
  EXPECT_TRUE(gradient_check(Functor(), x, g));
  EXPECT_TRUE(gradient_check([](const auto& v) { return smooth(v); }, x, g));
}

TEST(GradientCheck, WorksInDoubleAndOnAGradientInDouble) {
  const auto x = random_vector(17);
  const Column<double> g = smooth_gradient(x).cast<double>();
  const auto mixed = gradient_check(smooth, x, g);
  EXPECT_TRUE(mixed) << mixed.message();
  const Column<double> rounded = x.cast<double>();
  EXPECT_TRUE(gradient_check(smooth, rounded, g, {}, GradientOptions<Real>{}));
  const auto f = [](const Column<double>& v) { return double(smooth(v.cast<Real>())); };
  const auto report = gradient_check(f, x.cast<double>(), g);
  EXPECT_TRUE(report) << report.message();
  EXPECT_FALSE(gradient_check(f, x.cast<double>(), Column<double>(g * (1 + 1e-6))));
}

/// f does not depend on the second tensor, as attention does not on its key bias: only rounding stands in its gradient.
Real shift_invariant(const Column<Real>& x) {
  const Column<Real> shifted = x.head(12).array() + x.tail(5).sum();
  const Real highest = shifted.maxCoeff();
  const Column<Real> e = (shifted.array() - highest).exp();
  return e.head(4).sum() / e.sum();
}
Column<Real> shift_invariant_gradient(const Column<Real>& x) {
  const Column<Real> p = x.head(12).array().exp() / x.head(12).array().exp().sum();
  Column<Real> g = Column<Real>::Zero(17);
  g.head(12) = -p * p.head(4).sum();
  g.head(4) += p.head(4);
  return g;
}

TEST(GradientCheck, AcceptsATensorWhoseGradientIsZeroButForRounding) {
  const auto x = random_vector(17);
  auto g = shift_invariant_gradient(x);
  EXPECT_TRUE(gradient_check(shift_invariant, x, g, names));
  g.tail(5).setConstant(1e-17L);
  EXPECT_TRUE(gradient_check(shift_invariant, x, g, names));
  g.tail(5).setConstant(1e-9L);
  const auto report = gradient_check(shift_invariant, x, g, names);
  EXPECT_FALSE(report);
  EXPECT_TRUE(report.name.starts_with("first.bias[")) << report.message();
}

TEST(GradientCheck, FindsAWrongTensorHoweverSmall) {
  for (const Real size : {1e-3L, 1e-6L, 1e-9L}) {
    const auto f = [&](const Column<Real>& x) { return x.head(12).squaredNorm() + size * x.tail(5).squaredNorm(); };
    const auto x = random_vector(17);
    Column<Real> g = 2 * x;
    g.tail(5) *= size;
    EXPECT_TRUE(gradient_check(f, x, g, names));
    g.tail(5) *= 0.9L;
    const auto report = gradient_check(f, x, g, names);
    EXPECT_FALSE(report) << report.message();
    EXPECT_TRUE(report.name.starts_with("first.bias[")) << report.message();
    g.tail(5).setZero();
    EXPECT_FALSE(gradient_check(f, x, g, names));
  }
}

TEST(GradientCheck, AcceptsAGradientThatIsZeroEverywhereOnlyIfItIs) {
  const auto x = random_vector(4);
  const Column<Real> zero = Column<Real>::Zero(4);
  EXPECT_TRUE(gradient_check([](const Column<Real>&) { return Real(3); }, x, zero));
  EXPECT_FALSE(gradient_check([](const Column<Real>& v) { return 1e-9L * v[2]; }, x, zero));
}

TEST(GradientCheck, LooksPastAKinkBetweenItsPoints) {
  const auto relu = [](const Column<Real>& x) { return x.cwiseMax(Real(0)).sum() + x.squaredNorm(); };
  for (const Real x0 : {1e-5L, -1e-5L, 3e-7L, 1e-4L, -1.5e-4L}) {
    Column<Real> x = random_vector(3);
    x[1] = x0;
    Column<Real> g = 2 * x + (x.array() > 0).select(Column<Real>::Ones(3), Column<Real>::Zero(3));
    const auto right = gradient_check(relu, x, g);
    EXPECT_TRUE(right) << right.message();
    g[1] += 1e-8L;
    const auto wrong = gradient_check(relu, x, g);
    EXPECT_FALSE(wrong) << wrong.message();
    EXPECT_EQ(wrong.name, "x[1]");
  }
}

TEST(GradientCheck, NamesAnEntryThatIsNotANumber) {
  const auto x = random_vector(17);
  for (const Real bad : {std::numeric_limits<Real>::quiet_NaN(), std::numeric_limits<Real>::infinity()}) {
    auto g = smooth_gradient(x);
    g[7] = bad;
    const auto report = gradient_check(smooth, x, g, names);
    EXPECT_FALSE(report);
    EXPECT_EQ(report.name, "first.weight[1, 3]");
    EXPECT_EQ(gradient_check(smooth, x, g).name, "x[7]");  // where there is no other tensor
  }
  auto twice = smooth_gradient(x);
  twice[3] = twice[7] = std::numeric_limits<Real>::quiet_NaN();
  EXPECT_EQ(gradient_check(smooth, x, twice).name, "x[3]") << "the first of two";
  const auto broken = [](const Column<Real>&) { return std::numeric_limits<Real>::quiet_NaN(); };
  EXPECT_FALSE(gradient_check(broken, x, smooth_gradient(x)));
}

TEST(GradientCheck, OfNothingIsRight) {
  const Column<Real> nothing;
  EXPECT_TRUE(gradient_check(smooth, nothing, nothing));
  EXPECT_TRUE(gradient_check_by_tensor(smooth, nothing, nothing));
}

TEST(GradientCheck, RefusesSizesThatDoNotFit) {
  const auto x = random_vector(17);
  EXPECT_EQ(test_support::sentence_of([&] { gradient_check(smooth, x, random_vector(16)); }),
            "gradient_check: the gradient has 16 entries, but x has 17; give one derivative an entry.");
  EXPECT_EQ(test_support::sentence_of([&] { gradient_check(smooth, random_vector(18), random_vector(18), names); }),
            "gradient_check: the names cover 17 entries, but x has 18; name all entries of x once, in order, or none.");
  EXPECT_EQ(
      test_support::sentence_of([&] {
        gradient_check_by_tensor(smooth, x, x, {names[1], names[0]});
      }),
      "gradient_check: the tensor first.bias begins at entry 12, but the one before it ends at 0; name all entries "
      "of x once, in order, or none.");
}

TEST(GradientCheckByTensor, AcceptsRightAndNamesWrongTensors) {
  const auto x = random_vector(17);
  auto g = smooth_gradient(x);
  const auto right = gradient_check_by_tensor(smooth, x, g, names);
  EXPECT_TRUE(right) << right.message();
  for (const Index i : {Index(5), Index(14)}) {
    auto wrong = g;
    wrong[i] *= 1 + 1e-9L;
    const auto report = gradient_check_by_tensor(smooth, x, wrong, names);
    EXPECT_FALSE(report) << report.message();
    EXPECT_EQ(report.name, i < 12 ? "first.weight" : "first.bias");
    EXPECT_EQ(report.index, i < 12 ? 0 : 12);
  }
}

TEST(GradientCheckByTensor, DrawsItsDirectionsFromTheSeed) {
  const auto x = random_vector(2);
  const auto f = [](const Column<Real>& v) { return v.sum(); };
  const Column<Real> wrong = (Column<Real>(2) << 2, 0).finished();  // right along (1, 1), wrong along (1, -1)
  int found = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    found += gradient_check_by_tensor(f, x, wrong, {}, {.seed = seed}) ? 0 : 1;
  EXPECT_GT(found, 8);
  EXPECT_LT(found, 32);
}

TEST(GradientCheck, NamesThePartOfTheWorstEntry) {
  const std::vector<TensorPart> parts = {
      {"q", 2, Projection::query, 0}, {"k", 1, Projection::key, 2}, {"v", 1, Projection::value, 3}};
  const Manifest in_parts{{"in_proj_weight", 0, 3, 4, Layout::transposed, Role::weight, parts, 3},
                          {"in_proj_bias", 12, 1, 4, Layout::vector, Role::bias, parts, 3},
                          {"other.bias", 16, 1, 1, Layout::vector, Role::bias, {{"", 1}}, 3}};
  const auto x = random_vector(17);
  const std::vector<std::pair<Index, std::string>> expected = {
      {0, "in_proj_weight.q[0, 0]"}, {5, "in_proj_weight.q[1, 1]"}, {10, "in_proj_weight.k[2, 0]"},
      {7, "in_proj_weight.v[1, 0]"}, {13, "in_proj_bias.q[1]"},     {14, "in_proj_bias.k[0]"},
      {15, "in_proj_bias.v[0]"},     {16, "other.bias[0]"}};
  for (const auto& [i, name] : expected) {
    auto wrong = smooth_gradient(x);
    wrong[i] += 1;
    EXPECT_EQ(gradient_check(smooth, x, wrong, in_parts).name, name);
  }
}

/// As one who wrote a scheme uses it: everything in long double, on the parameters of a model.
TEST(GradientCheck, ChecksAModelsParameters) {
  const auto model = encoder(PostLN<Real>(4), {.dim = 4, .heads = 2, .hidden = 5, .depth = 1});
  Parameters theta(model), gradient(model);
  theta.flat() = random_vector(theta.size());
  Tape tape(model);
  const Batch batch = Batch::of({3, 2});
  const Tokens<Real> x = Random(2).tokens(5, 4).cast<Real>(), c = Random(3).tokens(5, 4).cast<Real>();
  forward(model, theta, tape, batch, x);
  backward(model, theta, tape, c, gradient);

  auto loss = [&, at = theta](const Column<Real>& flat) mutable {
    at.flat() = flat;
    return forward(model, at, tape, batch, x).cwiseProduct(c).sum();
  };
  const auto right = gradient_check(loss, theta.flat(), gradient.flat(), theta.manifest());
  EXPECT_TRUE(right) << right.message();
  gradient->wiring.norm[{0, 1, 2, 2}].gamma[2] += 1e-6L;
  const auto wrong = gradient_check(loss, theta.flat(), gradient.flat(), theta.manifest());
  EXPECT_FALSE(wrong);
  EXPECT_EQ(wrong.name, "layers.0.norm2.weight[2]");
  gradient["layers.0.self_attn.in_proj_weight"].part("k")(3, 2) += 1;
  const auto worse = gradient_check(loss, theta.flat(), gradient.flat(), theta.manifest());
  EXPECT_NE(worse.message().find("in layers.0.self_attn.in_proj_weight.k[3, 2], where"), std::string::npos)
      << worse.message();
}

}  // namespace
