// Backward is a linear map of the cotangent, adds, and is the transpose of the derivative of forward.
// group: slow_laws
// labels: slow
#include <gtest/gtest.h>

#include "support/every_scalar.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

template <class W>
class Linearity : public testing::Test {};
TYPED_TEST_SUITE(Linearity, EveryScalar);

Wanted without_dropout() {
  return {
      .dim = 18, .heads = 3, .hidden = 30, .lengths = {70, 2, 0, 33}, .memory_lengths = {5, 0, 3, 66}, .dropout = 0.2};
}

TYPED_TEST(Linearity, TheSecondCallIsTheFirst) {
  for_every_stack<TypeParam>(without_dropout(), [](auto& problem) {
    problem.seed = 11;
    auto tape = problem.tape();
    const auto first = problem.run(tape);
    expect_same_bits(problem.run(tape), first);
    auto other = problem;
    randomise(other.x, 99);
    other.run(tape);
    expect_same_bits(problem.run(tape), first);
  });
}

TYPED_TEST(Linearity, FourTimesTheCotangentIsFourTimesTheGradients) {
  for_every_stack<TypeParam>(without_dropout(), [](auto& problem) {
    problem.seed = 11;
    auto one = problem.run();
    problem.dy *= 4;
    one.dx *= 4;
    one.dmemory *= 4;
    one.gradient.flat() *= 4;
    expect_same_bits(problem.run(), one);
  });
}

TYPED_TEST(Linearity, NoCotangentNoGradient) {
  for_every_stack<TypeParam>(without_dropout(), [](auto& problem) {
    problem.dy.setZero();
    const auto result = problem.run();
    EXPECT_TRUE((result.dx.array() == 0).all());
    EXPECT_TRUE((result.dmemory.array() == 0).all());
    EXPECT_TRUE((result.gradient.flat().array() == 0).all());
  });
}

TYPED_TEST(Linearity, GradientsAdd) {
  using S = TypeParam;
  for_every_stack<TypeParam>(without_dropout(), [](auto& problem) {
    auto tape = problem.tape();
    auto once = problem.run(tape), twice = once;
    tape.backward(problem.model, problem.theta, problem.dy, twice.gradient, {twice.dx, twice.dmemory});
    EXPECT_TRUE(near(twice.dx, (2 * once.dx).eval(), rounding<S>));
    EXPECT_TRUE(near(twice.dmemory, (2 * once.dmemory).eval(), rounding<S>));
    EXPECT_TRUE(near(twice.gradient.flat(), (2 * once.gradient.flat()).eval(), rounding<S>));
  });
}

/// Who does not want the inputs' gradients gets the same gradient of the parameters.
TYPED_TEST(Linearity, InputGradientsMayBeLeftOut) {
  using S = TypeParam;
  for_every_stack<TypeParam>(without_dropout(), [](auto& problem) {
    auto tape = problem.tape();
    const auto all = problem.run(tape);
    auto none = all, only_x = all;
    none.gradient.flat().setZero();
    backward(problem.model, problem.theta, tape, problem.dy, none.gradient);
    EXPECT_TRUE(same_bits(none.gradient.flat(), all.gradient.flat()));
    only_x.gradient.flat().setZero();
    only_x.dx.setZero();
    backward(problem.model, problem.theta, tape, problem.dy, only_x.gradient, InputGradient<S>{only_x.dx});
    EXPECT_TRUE(same_bits(only_x.dx, all.dx));
    EXPECT_TRUE(same_bits(only_x.gradient.flat(), all.gradient.flat()));
  });
}

/// <c, J u> by differences of fourth order in long double = <J^T c, u>, for directions u of x, memory and parameters.
TEST(Adjoint, OfEveryStack) {
  for_every_stack<long double>(
      {.dim = 6,
       .heads = 2,
       .hidden = 7,
       .lengths = {4, 1, 0},
       .memory_lengths = {3, 0, 2},
       .causal = true,
       .dropout = 0.2},
      [](auto& problem) {
        using S = long double;
        problem.seed = 3;
        const auto gradient = problem.run();
        auto u = problem;  // its numbers are the direction
        randomise(u.x, 31);
        randomise(u.memory, 32);
        randomise(u.theta.flat(), 33);
        const auto loss = [&](S h) {
          auto moved = problem;
          moved.x += h * u.x;
          moved.memory += h * u.memory;
          moved.theta.flat() += h * u.theta.flat();
          return problem.dy.cwiseProduct(moved.run().y).sum();
        };
        const auto differences = [&](S h) {
          return (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h);
        };
        const S product = gradient.dx.cwiseProduct(u.x).sum() + gradient.dmemory.cwiseProduct(u.memory).sum() +
                          gradient.gradient.flat().dot(u.theta.flat());
        const S largest = gradient.dx.norm() * u.x.norm() + gradient.dmemory.norm() * u.memory.norm() +
                          gradient.gradient.flat().norm() * u.theta.flat().norm();
        // The step that suits one scheme is too long for one whose norm sees numbers near 0, and too short for others.
        S error = std::numeric_limits<S>::infinity();
        for (const S h : {2e-5L, 5e-6L, 1.2e-6L}) error = std::min(error, std::abs(product - differences(h)) / largest);
        EXPECT_LE(double(error), 1e-14) << double(product);
      });
}
}  // namespace
