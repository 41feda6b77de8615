// The library in other scalars: dual numbers, which it has never seen, and float, double and long double side by side.
// labels: slow
#include <gtest/gtest.h>

#include "support/dual.hpp"
#include "support/gradient_problem.hpp"
#include "support/schemes.hpp"

namespace {

using namespace residual;
using test_support::Dual;
using test_support::GradientProblem;
using test_support::Random;

constexpr std::uint64_t models = 12;

/// A decoder of some scheme at one point, in any scalar.
template <class Scheme>
struct Example {
  explicit Example(std::uint64_t seed)
      : random(seed), sizes(test_support::random_sizes(random)), options(random.bits()) {
    scene = test_support::random_scene(random, sizes.dim, true);
    Parameters theta(model<double>());
    test_support::randomise(theta, random.bits());
    parameters = theta.flat();
    c = random.tokens(scene.batch.tokens(), sizes.dim);
  }

  template <class S>
  auto model() const {
    return decoder(Scheme::template make<S>(options, sizes.dim), sizes);
  }
  template <class S>
  auto problem() const {
    return GradientProblem(model<S>(), scene.cast<S>(), Column<S>(parameters.cast<S>()), Tokens<S>(c.cast<S>()));
  }
  /// A random direction in parameters and inputs.
  Column<double> direction() { return random.tokens(parameters.size() + scene.x.size() + scene.memory.size(), 1); }

  Random random;
  Sizes sizes;
  Random options;
  test_support::Scene<double> scene;
  Column<double> parameters;
  Tokens<double> c;
};

/// x + v e, e^2 = 0.
template <class T>
Column<Dual<T>> along(const Column<T>& x, const Column<double>& v) {
  return Column<Dual<T>>::NullaryExpr(x.size(), [&](Index i) { return Dual<T>(x[i], T(v[i])); });
}
template <class T>
Column<T> derivatives(const Column<Dual<T>>& x) {
  return Column<T>::NullaryExpr(x.size(), [&](Index i) { return x[i].derivative; });
}

template <class Scheme>
class DualNumbers : public ::testing::Test {};
TYPED_TEST_SUITE(DualNumbers, test_support::Schemes, test_support::SchemeNames);

/// The loss of x + v e is f(x) + <df, v> e: no differences, no rounding but that of the scalar.
template <class Scheme, class T>
void expect_derivative(std::uint64_t seed, T tolerance) {
  Example<Scheme> example(seed);
  SCOPED_TRACE("model " + std::to_string(seed) + ": " + test_support::text(example.sizes));
  const Column<double> v = example.direction();
  auto plain = example.template problem<T>();
  const Column<T> gradient = plain.gradient(example.random);
  const Dual<T> loss = example.template problem<Dual<T>>().loss(along<T>(plain.flat(), v));
  EXPECT_LE(std::abs(loss.value - plain.loss(plain.flat())), tolerance * (1 + std::abs(loss.value)));
  EXPECT_LE(std::abs(loss.derivative - gradient.dot(v.cast<T>())), tolerance * gradient.norm());
}
TYPED_TEST(DualNumbers, DifferentiateTheLossAsBackwardDoes) {
  for (std::uint64_t seed = 0; seed < models; ++seed) {
    expect_derivative<TypeParam, double>(seed, 1e-12);
    expect_derivative<TypeParam, long double>(seed, 1e-15L);
  }
}

/// backward in dual numbers gives the Hessian times a direction, and a Hessian is symmetric: <u, H v> = <v, H u>.
TYPED_TEST(DualNumbers, DifferentiateBackwardToASymmetricHessian) {
  using T = double;
  for (std::uint64_t seed = 0; seed < models; ++seed) {
    Example<TypeParam> example(seed);
    SCOPED_TRACE("model " + std::to_string(seed) + ": " + test_support::text(example.sizes));
    const Column<double> u = example.direction(), v = example.direction();
    const Column<T> x = example.template problem<T>().flat();
    const auto times_hessian = [&](const Column<double>& direction) {
      auto problem = example.template problem<Dual<T>>();
      problem.loss(along<T>(x, direction));
      return derivatives<T>(problem.gradient(example.random));
    };
    const Column<T> Hu = times_hessian(u), Hv = times_hessian(v);
    EXPECT_LE(std::abs(u.dot(Hv) - v.dot(Hu)), 1e-12 * (u.norm() * Hv.norm() + v.norm() * Hu.norm()));
  }
}

template <class Scheme>
class Scalars : public ::testing::Test {};
TYPED_TEST_SUITE(Scalars, test_support::Schemes, test_support::SchemeNames);

/// Loss and gradient in a narrow scalar are those in a wide one but for the narrow one's rounding.
template <class Narrow, class Wide, class Scheme>
void expect_close(Example<Scheme>& example, Wide tolerance) {
  auto narrow = example.template problem<Narrow>();
  const Column<Wide> x = narrow.flat().template cast<Wide>();  // the very numbers that the narrow one sees
  auto wide = example.template problem<Wide>();
  const Wide loss = wide.loss(x);
  EXPECT_LE(std::abs(Wide(narrow.loss(narrow.flat())) - loss), tolerance * (1 + std::abs(loss)));
  const Column<Wide> gradient = wide.gradient(example.random);
  const Column<Wide> difference = narrow.gradient(example.random).template cast<Wide>() - gradient;
  EXPECT_LE(difference.norm(), tolerance * (1 + gradient.norm()));
}
TYPED_TEST(Scalars, Agree) {
  for (std::uint64_t seed = 0; seed < models; ++seed) {
    Example<TypeParam> example(seed);
    SCOPED_TRACE("model " + std::to_string(seed) + ": " + test_support::text(example.sizes));
    example.c = example.c.template cast<float>().template cast<double>();
    expect_close<float, double>(example, 1e-3);
    expect_close<double, long double>(example, 1e-12L);
  }
}

}  // namespace
