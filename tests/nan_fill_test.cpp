// Memory that holds NaN before a pass: who reads what nobody wrote is seen at once.
// group: slow_laws
// labels: slow
#include <gtest/gtest.h>

#include "residual/kernel/threads.hpp"
#include "support/every_scalar.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

template <class W>
class NaNFill : public testing::Test {};
TYPED_TEST_SUITE(NaNFill, EveryScalar);

const std::vector<Wanted> stacks = {
    {.dim = 8, .heads = 2, .hidden = 11, .lengths = {1}, .memory_lengths = {1}},
    {.dim = 15, .heads = 3, .hidden = 33, .lengths = {70, 0, 3}, .memory_lengths = {0, 66, 5}, .dropout = 0.3},
    {.dim = 96, .heads = 2, .hidden = 130, .lengths = {100}, .memory_lengths = {129}, .causal = true},
    {.dim = 300, .heads = 3, .hidden = 520, .depth = 1, .lengths = {20, 30}, .memory_lengths = {9, 5}},
};

/// Calls check(problem) with stacks of every scheme, and of one where they are so wide that all but products takes no time.
template <class S, class Check>
void for_stacks(const Wanted& wanted, Check&& check) {
  SCOPED_TRACE("dim " + std::to_string(wanted.dim));
  wanted.dim > 96 ? for_encoder_and_decoder<ResiDual<S>>(wanted, check) : for_every_stack<S>(wanted, check);
}

TYPED_TEST(NaNFill, NobodyReadsWhatNobodyWrote) {
  const Threads three(3);
  for (const Wanted& wanted : stacks) {
    for_stacks<TypeParam>(wanted, [&](auto& problem) {
      problem.seed = 2;
      const auto expected = problem.run();
      for (const Executor* executor :
           {static_cast<const Executor*>(&Serial::instance()), static_cast<const Executor*>(&three)}) {
        auto tape = problem.tape(*executor);
        problem.run(tape);
        tape.fill(not_a_number<TypeParam>);
        expect_same_bits(problem.run(tape), expected);
      }
    });
  }
}

/// A tape that was longer holds old numbers beside the new ones.
TYPED_TEST(NaNFill, ASmallerBatchDoesNotReadTheBiggerOnes) {
  for_every_stack<TypeParam>(stacks[2], [&](const auto& problem) {
    auto tape = problem.tape();
    problem.run(tape);
    auto small = problem;
    small.batch = Batch::of({13});
    small.x = problem.x.topRows(13);
    small.dy = problem.dy.topRows(13);
    const auto expected = small.run();
    tape.fill(not_a_number<TypeParam>);
    expect_same_bits(small.run(tape), expected);
  });
}

TYPED_TEST(NaNFill, AnInferenceTapeToo) {
  for (const Wanted& wanted : stacks) {
    for_every_stack<TypeParam>(wanted, [&](const auto& problem) {
      Tape tape(problem.model, Keep::nothing);
      const Tokens<TypeParam> first = tape.forward(problem.model, problem.theta, problem.input());
      tape.fill(not_a_number<TypeParam>);
      EXPECT_TRUE(same_bits(tape.forward(problem.model, problem.theta, problem.input()), first));
    });
  }
}

/// What `fill` reaches: the output and everything that forward kept.
TYPED_TEST(NaNFill, ReachesTheTape) {
  const auto problem = encoder_problem<ResiDual<TypeParam>>({});
  auto tape = problem.tape();
  tape.forward(problem.model, problem.theta, problem.input());
  ASSERT_TRUE(tape.y().array().isFinite().all());
  tape.fill(not_a_number<TypeParam>);
  EXPECT_TRUE(tape.y().array().isNaN().all());
  Parameters gradient(problem.model);
  EXPECT_THROW(tape.backward(problem.model, problem.theta, problem.dy, gradient, {}), std::invalid_argument);
}

}  // namespace
