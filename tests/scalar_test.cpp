// The library in other scalars: dual numbers, which it has never seen, and float, double and long double side by side.
// labels: slow
#include <gtest/gtest.h>

#include "support/dual.hpp"
#include "support/gradient_problem.hpp"
#include "support/random_sizes.hpp"
#include "support/scheme_list.hpp"
#include "support/stacks.hpp"

namespace {

using namespace residual;
using test_support::Dual;
using test_support::GradientProblem;
using test_support::Random;

constexpr std::uint64_t models = 12;

/// Schemes of one, two and more streams, with and without parameters of their own: compiled here for dual numbers.
const std::vector<std::string> schemes{"PostLN", "PreLN", "ResiDual", "DeepNorm", "DynamicHyperConnections"};
template <class S>
AnyScheme<S> scheme_of(const std::string& name, Random random, Index dim) {
  const auto norm = test_support::random_layer_norm<S>(random, dim),
             last = test_support::random_layer_norm<S>(random, dim);
  if (name == "PostLN") return PostLN<S>(norm);
  if (name == "PreLN") return PreLN<S>(norm, last);
  if (name == "ResiDual") return ResiDual<S>(norm, last, S(0.5), S(2.3));
  if (name == "DeepNorm") return DeepNorm<S>(norm, 1.5);
  return DynamicHyperConnections<S>(norm, last, norm, 2, true);
}

/// A decoder of scheme number `scheme` at one point, in any scalar.
struct Example {
  Example(std::size_t number, std::uint64_t seed)
      : scheme(number), random(seed), sizes(test_support::random_sizes(random)), options(random.bits()) {
    scene = test_support::random_scene(random, sizes.dim, true);
    Parameters theta(model<double>());
    test_support::randomise(theta, random.bits());
    parameters = theta.flat();
    c = random.tokens(scene.batch.tokens(), sizes.dim);
  }

  template <class S>
  test_support::AnyDecoder<S> model() const {
    return decoder(scheme_of<S>(schemes[scheme], options, sizes.dim), sizes);
  }
  template <class S>
  auto problem() const {
    return GradientProblem(model<S>(), scene.cast<S>(), Column<S>(parameters.cast<S>()), Tokens<S>(c.cast<S>()));
  }
  /// A random direction in parameters and inputs.
  Column<double> direction() { return random.tokens(parameters.size() + scene.x.size() + scene.memory.size(), 1); }

  std::size_t scheme;
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

/// check(example) for some models of these schemes.
template <class Check>
void for_every_example(const Check& check) {
  for (std::size_t scheme = 0; scheme < schemes.size(); ++scheme) {
    for (std::uint64_t seed = 0; seed < models; ++seed) {
      Example example(scheme, seed);
      SCOPED_TRACE(schemes[scheme] + " " + std::to_string(seed) + ": " + test_support::text(example.sizes));
      check(example);
    }
  }
}

/// The loss of x + v e is f(x) + <df, v> e: no differences, no rounding but that of the scalar.
template <class T>
void expect_derivative(Example example, T tolerance) {
  const Column<double> v = example.direction();
  auto plain = example.problem<T>();
  const Column<T> gradient = plain.gradient(example.random);
  const Dual<T> loss = example.problem<Dual<T>>().loss(along<T>(plain.flat(), v));
  EXPECT_LE(std::abs(loss.value - plain.loss(plain.flat())), tolerance * (1 + std::abs(loss.value)));
  EXPECT_LE(std::abs(loss.derivative - gradient.dot(v.cast<T>())), tolerance * gradient.norm());
}
TEST(DualNumbers, DifferentiateTheLossAsBackwardDoes) {
  for_every_example([](const Example& example) {
    expect_derivative<double>(example, 1e-12);
    expect_derivative<long double>(example, 1e-15L);
  });
}

/// backward in dual numbers gives the Hessian times a direction, and a Hessian is symmetric: <u, H v> = <v, H u>.
TEST(DualNumbers, DifferentiateBackwardToASymmetricHessian) {
  using T = double;
  for_every_example([](Example& example) {
    const Column<double> u = example.direction(), v = example.direction();
    const Column<T> x = example.problem<T>().flat();
    const auto times_hessian = [&](const Column<double>& direction) {
      auto problem = example.problem<Dual<T>>();
      problem.loss(along<T>(x, direction));
      return derivatives<T>(problem.gradient(example.random));
    };
    const Column<T> Hu = times_hessian(u), Hv = times_hessian(v);
    EXPECT_LE(std::abs(u.dot(Hv) - v.dot(Hu)), 1e-12 * (u.norm() * Hv.norm() + v.norm() * Hu.norm()));
  });
}

/// Loss and gradient in a narrow scalar are those in a wide one but for the narrow one's rounding.
template <class Narrow, class Wide>
void expect_close(Example& example, Wide tolerance) {
  auto narrow = example.problem<Narrow>();
  const Column<Wide> x = narrow.flat().template cast<Wide>();  // the very numbers that the narrow one sees
  auto wide = example.problem<Wide>();
  const Wide loss = wide.loss(x);
  EXPECT_LE(std::abs(Wide(narrow.loss(narrow.flat())) - loss), tolerance * (1 + std::abs(loss)));
  const Column<Wide> gradient = wide.gradient(example.random);
  const Column<Wide> difference = narrow.gradient(example.random).template cast<Wide>() - gradient;
  EXPECT_LE(difference.norm(), tolerance * (1 + gradient.norm()));
}
TEST(Scalars, Agree) {
  for_every_example([](Example& example) {
    example.c = example.c.template cast<float>().template cast<double>();
    expect_close<float, double>(example, 1e-3);
    expect_close<double, long double>(example, 1e-12L);
  });
}

}  // namespace
