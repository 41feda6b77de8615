// A plan's packed weights give the bits of the parameters that it was made from, and stay what they were.
// group: slow_laws
// labels: slow
#include "residual/model/plan.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <type_traits>

#include "residual/decode/decoding.hpp"
#include "residual/kernel/threads.hpp"
#include "support/every_scalar.hpp"
#include "support/same_bits.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

template <class M>
void expect_bits_of_parameters(const Problem<M>& problem) {
  const auto input = problem.input();
  const Plan<M> plan(problem.theta);
  const Threads threads(2);
  Tape<M> plain(problem.model), packed(problem.model, Keep::nothing, threads);
  forward(problem.model, problem.theta, plain, input);
  forward(problem.model, plan, packed, input);
  EXPECT_TRUE(same_bits(plain.y(), packed.y())) << problem.batch.tokens() << " tokens, dim " << problem.model.dim();
}

template <class W>
class PlanOf : public testing::Test {};
TYPED_TEST_SUITE(PlanOf, EveryScalar);

TYPED_TEST(PlanOf, HasTheBitsOfItsParameters) {
  for (const Index dim : {24, 64}) {  // columns of cross-attention's keys begin within a panel, and at one
    for (const Index length : {1, 17, 130}) {
      const Wanted wanted{.dim = dim, .heads = 4, .hidden = 50, .lengths = {length, 3}, .memory_lengths = {5, length}};
      for_every_stack<TypeParam>(wanted, [](const auto& problem) { expect_bits_of_parameters(problem); });
    }
  }
}

TEST(Plan, KeepsItsWeightsWhenTheParametersChange) {
  const auto model = encoder(PostLN<float>(8), {.dim = 8, .heads = 2, .hidden = 12, .depth = 1});
  Parameters theta(model);
  theta.flat().setConstant(0.5f);
  const Plan plan(theta);
  const Tokens<float> x = Tokens<float>::Random(3, 8);
  Tape before(model), after(model), changed(model);
  forward(model, theta, before, Batch::of({3}), x);
  theta.flat().setConstant(-0.25f);
  forward(model, plan, after, Batch::of({3}), x);
  EXPECT_TRUE(same_bits(before.y(), after.y()));
  forward(model, theta, changed, Batch::of({3}), x);
  EXPECT_FALSE(same_bits(before.y(), changed.y()));
}

TEST(Plan, ACopyOfItsParametersIsAnOrdinaryOne) {
  const auto model = encoder(PreLN<float>(8), {.dim = 8, .heads = 2, .hidden = 12, .depth = 1});
  Parameters theta(model);
  theta.flat().setConstant(0.5f);
  const Plan plan(theta);
  auto copy = plan.parameters();
  copy.flat().setConstant(-0.25f);
  theta = copy;
  const Tokens<float> x = Tokens<float>::Random(3, 8);
  Tape a(model), b(model);
  forward(model, theta, a, Batch::of({3}), x);
  forward(model, copy, b, Batch::of({3}), x);
  EXPECT_TRUE(same_bits(a.y(), b.y()));
}

/// A decoding is made with a plan as with parameters, and a step has the same bits.
TEST(Plan, DecodesWithTheBitsOfItsParameters) {
  const Sizes sizes{.dim = 8, .heads = 2, .hidden = 12, .depth = 2, .causal = true};
  const auto model = encoder(PreLN<float>(8), sizes);
  Parameters theta(model);
  for (Index i = 0; i < theta.size(); ++i) theta.flat()[i] = float(std::sin(double(i)));
  const Plan plan(theta);
  const Threads threads(2);
  Decoding plain(model, theta, {.sequences = 2, .longest = 9}), packed(model, plan, {.sequences = 2, .longest = 9}),
      spread(model, plan, {.sequences = 2, .longest = 9}, threads);
  using D = decltype(plain);
  static_assert(!std::is_constructible_v<D, decltype(model), Plan<std::remove_const_t<decltype(model)>>, Capacity>);
  for (auto* decoding : {&plain, &packed, &spread}) decoding->start(2);
  for (const auto& batch : {Batch::of({4, 1}), Batch::of({1, 1}), Batch::of({0, 3})}) {
    const Tokens<float> x = Tokens<float>::Random(batch.tokens(), 8);
    const auto expected = plain.step(batch, x);
    EXPECT_TRUE(same_bits(packed.step(batch, x), expected));
    EXPECT_TRUE(same_bits(spread.step(batch, x), expected));
  }
}

}  // namespace
