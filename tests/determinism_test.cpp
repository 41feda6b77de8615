// The number of threads, the order of the tasks and the kind of tape leave no trace in any bit.
// group: threads
// labels: threads
#include <gtest/gtest.h>

#include <limits>
#include <memory>

#include "residual/decode/decoding.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "support/every_scalar.hpp"
#include "support/executors.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

/// Tokens of one block of a feed-forward layer on one thread.
const Index block = row_block(Serial::instance(), std::numeric_limits<Index>::max());

/// Sizes at which some layers share their work and others do not; the last makes several blocks of rows.
const std::vector<Wanted> sizes = {
    {.dim = 8, .heads = 2, .hidden = 24, .depth = 2, .lengths = {1}, .memory_lengths = {1}},
    {.dim = 64, .heads = 4, .hidden = 200, .depth = 2, .lengths = {70, 0, 1, 129}, .memory_lengths = {65, 3, 0, 40}},
    {.dim = 96, .heads = 3, .hidden = 130, .depth = 1, .lengths = {301}, .memory_lengths = {97}, .causal = true},
    {.dim = 256, .heads = 8, .hidden = 300, .depth = 1, .lengths = {33, 17}, .memory_lengths = {9, 31}, .dropout = 0.2},
    {.dim = 8, .depth = 1, .lengths = {block - 50, 90}, .memory_lengths = {9, 5}, .dropout = 0.2},
};

std::vector<std::unique_ptr<Executor>> executors() {
  std::vector<std::unique_ptr<Executor>> all;
  for (const Index threads : {1, 2, 3, 4, 8}) all.push_back(std::make_unique<Threads>(threads));
  all.push_back(std::make_unique<Backwards>(5));
  all.push_back(std::make_unique<Shuffled>(7));
  all.push_back(std::make_unique<Async>(3));
  all.push_back(std::make_unique<Varying>());
  for (const Index hint : {Index(0), Index(-3), std::numeric_limits<Index>::max()}) {
    all.push_back(std::make_unique<Backwards>(hint));
  }
  return all;
}

template <class P>
void expect_one_result(const P& problem, const std::vector<std::unique_ptr<Executor>>& all = executors()) {
  const auto serial = problem.run();
  ASSERT_TRUE(serial.gradient.flat().array().isFinite().all());
  for (std::size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE("executor " + std::to_string(i) + " of " + std::to_string(all[i]->threads()) + " threads");
    expect_same_bits(problem.run(*all[i]), serial);
  }
}

template <class W>
class Determinism : public testing::Test {};
TYPED_TEST_SUITE(Determinism, EveryScalar);

TYPED_TEST(Determinism, HoldsForAnyExecutor) {
  for (const Wanted& wanted : sizes) {
    SCOPED_TRACE("dim " + std::to_string(wanted.dim));
    for_encoder_and_decoder<ResiDual<TypeParam>>(wanted, [](auto& problem) {
      problem.seed = 3;
      expect_one_result(problem);
    });
  }
}

/// Schemes differ in what they spread over threads themselves: a few executors show it.
TYPED_TEST(Determinism, HoldsForEveryScheme) {
  std::vector<std::unique_ptr<Executor>> few;
  few.push_back(std::make_unique<Threads>(3));
  few.push_back(std::make_unique<Shuffled>(7));
  for_every_stack<TypeParam>(sizes[1], [&](auto& problem) { expect_one_result(problem, few); });
}

TYPED_TEST(Determinism, InferenceTapeIsTrainingTape) {
  for (const Wanted& wanted : {sizes[0], sizes[1], sizes[4]}) {
    for_every_stack<TypeParam>(wanted, [](auto& problem) {
      problem.seed = 3;
      auto training = problem.tape();
      Tape inference(problem.model, Keep::nothing);
      EXPECT_TRUE(same_bits(inference.forward(problem.model, problem.theta, problem.input()),
                            training.forward(problem.model, problem.theta, problem.input())));
    });
  }
}

/// The heads of a step, which are shared though nothing else of it is large enough.
TYPED_TEST(Determinism, HoldsForDecoding) {
  constexpr Index dim = 32, sequences = 4, before = 60;
  const auto model = encoder(PreLN<TypeParam>(dim), {.dim = dim, .heads = 4, .hidden = 32, .depth = 2, .causal = true});
  Parameters theta(model);
  randomise(theta, 1);
  const Tokens<TypeParam> prompt = random_tokens<TypeParam>(sequences * before, dim, 2),
                          next = random_tokens<TypeParam>(sequences, dim, 3);
  Index shared = 0;  // runs of the last step
  const auto last_step = [&](const Executor& executor) -> Tokens<TypeParam> {
    const Counting counting(executor);
    Decoding decoding(model, theta, {.sequences = sequences, .longest = before + 1}, counting);
    decoding.start(sequences);
    decoding.step(Batch::of({before, before, before, before}), prompt);
    const Index earlier = counting.shared_runs();
    const Tokens<TypeParam> y = decoding.step(next);
    shared = counting.shared_runs() - earlier;
    return y;
  };
  const Tokens<TypeParam> serial = last_step(Serial::instance());
  for (const auto& executor : executors()) EXPECT_TRUE(same_bits(last_step(*executor), serial));
  last_step(Threads(3));
  EXPECT_EQ(shared, 2) << "one a block";
}

/// The gated feed-forward layer, whose encoder no other test here has.
TYPED_TEST(Determinism, HoldsForGatedFeedForward) {
  for (const Wanted& wanted : sizes) {
    SCOPED_TRACE("dim " + std::to_string(wanted.dim));
    Problem problem(encoder<GatedFeedForward>(ResiDual<TypeParam>(wanted.dim), wanted.sizes()),
                    Batch::of(wanted.lengths));
    problem.seed = 3;
    expect_one_result(problem);
    Tape inference(problem.model, Keep::nothing);
    EXPECT_TRUE(same_bits(inference.forward(problem.model, problem.theta, problem.input()), problem.run().y));
  }
}

/// Three threads with a tape each share one model, its parameters and an executor.
TYPED_TEST(Determinism, ModelAndParametersAreShared) {
  const Threads pool(2);
  const auto expect_sharing = [](const Wanted& wanted, const Executor& executor) {
    for_every_stack<TypeParam>(wanted, [&](const auto& problem) {
      const auto expected = problem.run();
      std::vector<std::future<std::remove_cvref_t<decltype(expected)>>> results;
      for (int i = 0; i < 3; ++i)
        results.push_back(std::async(std::launch::async, [&] { return problem.run(executor); }));
      for (auto& result : results) expect_same_bits(result.get(), expected);
    });
  };
  expect_sharing(sizes[0], Serial::instance());
  expect_sharing(sizes[1], pool);  // which it has work for
}

template <class S>
class WideDeterminism : public testing::Test {};
TYPED_TEST_SUITE(WideDeterminism, EveryScalar);

/// At widths where every product is shared, for one token up to several hundred.
TYPED_TEST(WideDeterminism, HoldsForAnyExecutor) {
  struct Width {
    Index dim, tokens;
  };
  for (const auto [dim, tokens] : {Width{1024, 1}, Width{1024, 29}, Width{512, 260}}) {
    SCOPED_TRACE(std::to_string(tokens) + " tokens of " + std::to_string(dim));
    expect_one_result(encoder_problem<ResiDual<TypeParam>>(
        {.dim = dim, .heads = 16, .hidden = 512, .depth = 1, .lengths = {tokens}}));
  }
}

/// Without this the tests above could pass because nothing was ever shared.
TYPED_TEST(WideDeterminism, WorkIsReallyShared) {
  const Threads pool(4);
  const auto expect_sharing = [&](const auto& problem) {
    const Counting counting(pool);
    problem.run(counting);
    EXPECT_GE(counting.shared_runs(), 10) << problem.batch.tokens() << " tokens";
    EXPECT_GT(counting.tasks(), 2 * counting.shared_runs());
  };
  for (const Index tokens : {1, 37}) {
    expect_sharing(encoder_problem<ResiDual<TypeParam>>(
        {.dim = 1024, .heads = 16, .hidden = 512, .depth = 1, .lengths = {tokens}}));
  }
  expect_sharing(encoder_problem<ResiDual<TypeParam>>(sizes[1]));
}

}  // namespace
