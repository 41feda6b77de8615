// The laws that hold for every scheme hold for every layer: gradients, packing, threads, inference, decoding, memory.
// labels: slow
#include <gtest/gtest.h>

#include <limits>

#include "residual/decode/decoding.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/model/plan.hpp"
#include "support/decoding_life.hpp"
#include "support/executors.hpp"
#include "support/gradient_problem.hpp"
#include "support/heap_count.hpp"
#include "support/layer_list.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;
using test_support::Random;

/// Tokens of one block of a feed-forward layer on one thread.
const Index block = row_block(Serial::instance(), std::numeric_limits<Index>::max());

template <class L>
class LayerLaws : public testing::Test {};
using Everything = testing::Types<LlamaLike, GemmaLike, MagnetoLike, AdapterLike, StreamLike>;
TYPED_TEST_SUITE(LayerLaws, Everything);

/// A problem of the stack in S.
template <class L, class S>
auto problem_of(const std::vector<Index>& lengths) {
  Problem problem(L::make(S()), Batch::of(lengths));
  problem.model.check();
  return problem;
}

TYPED_TEST(LayerLaws, GradientIsThatOfDifferences) {
  for (std::uint64_t round = 0; round < 6; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Random random(round);
    auto scene = (round % 2 == 1 ? masked_scene : plain_scene)(random, 12, {5, 0, 1, 9}, {});
    if (round / 2 % 2 == 1) scene.seed = round;
    const auto make = []<class S>(S s) {
      auto stack = TypeParam::make(s);
      stack.dropout = 0.2;
      return stack;
    };
    const auto report = check_gradient(make, scene, random, 1e-11L, Differences::by_tensor);
    EXPECT_TRUE(report) << report.message();
    const auto precise = check_gradient<long double>(make, scene, random, 1e-12L, Differences::by_tensor);
    EXPECT_TRUE(precise) << precise.message();
  }
}

TYPED_TEST(LayerLaws, ThreadsLeaveNoTrace) {
  const auto problem = problem_of<TypeParam, float>({block - 50, 0, 90});
  const auto serial = problem.run();
  ASSERT_TRUE(serial.gradient.flat().array().isFinite().all());
  const Threads three(3);
  expect_same_bits(problem.run(three), serial);
  expect_same_bits(problem.run(Shuffled(7)), serial);
}

TYPED_TEST(LayerLaws, InferenceIsTraining) {
  const auto problem = problem_of<TypeParam, float>({block - 50, 0, 90});
  const auto y = problem.run().y;
  Tape inference(problem.model, Keep::nothing);
  EXPECT_TRUE(same_bits(inference.forward(problem.model, problem.theta, problem.input()), y));
  inference.fill(not_a_number<float>);
  EXPECT_TRUE(same_bits(inference.forward(problem.model, problem.theta, problem.input()), y));
  const Plan plan(problem.theta);
  EXPECT_TRUE(same_bits(forward(problem.model, plan, inference, problem.input()), y));
}

TYPED_TEST(LayerLaws, EveryRecomputationIsTheFirst) {
  auto problem = problem_of<TypeParam, double>({20, 3});
  problem.seed = 5;
  problem.model.dropout = 0.3;
  const auto expected = problem.run();
  for (const Recompute recompute : {Recompute::sublayers, Recompute::blocks}) {
    auto again = problem;
    again.model.recompute = recompute;
    const auto result = again.run();
    EXPECT_TRUE(same_bits(result.y, expected.y));
    EXPECT_TRUE(same_bits(result.dx, expected.dx));
    EXPECT_TRUE(same_bits(result.gradient.flat(), expected.gradient.flat()));
  }
}

TYPED_TEST(LayerLaws, ASequenceAloneIsTheSequenceInABatch) {
  const auto all = problem_of<TypeParam, float>({7, 130, 0, 1, 33});
  const auto packed = all.run();
  for (Index i = 0; i < all.batch.sequences(); ++i) {
    auto one = problem_of<TypeParam, float>({all.batch.length(i)});
    const auto rows = [&](const auto& m) { return m.middleRows(all.batch.begin(i), all.batch.length(i)).eval(); };
    one.theta = all.theta;
    one.x = rows(all.x), one.dy = rows(all.dy);
    const auto own = one.run();
    EXPECT_TRUE(same_bits(own.y, rows(packed.y))) << i;
    EXPECT_TRUE(same_bits(own.dx, rows(packed.dx))) << i;
  }
}

TYPED_TEST(LayerLaws, NobodyReadsWhatNobodyWrote) {
  const auto problem = problem_of<TypeParam, double>({70, 0, 3});
  auto tape = problem.tape();
  const auto expected = problem.run(tape);
  tape.fill(not_a_number<double>);
  expect_same_bits(problem.run(tape), expected);
}

TYPED_TEST(LayerLaws, TheSecondPassAllocatesNothing) {
  const auto problem = problem_of<TypeParam, float>({40, 3});
  Parameters g(problem.model);
  Tokens<float> dx = problem.x;
  const auto input = problem.input();
  for (const Keep keep : {Keep::for_backward, Keep::nothing}) {
    Tape tape(problem.model, keep);
    const auto pass = [&] {
      tape.forward(problem.model, problem.theta, input);
      if (keep == Keep::for_backward) tape.backward(problem.model, problem.theta, problem.dy, g, {.x = dx});
    };
    pass();
    pass();
    EXPECT_EQ(allocations(pass), 0);
  }
}

/// Chunks of 4 suit every layer here, also the one that reads in chunks.
TYPED_TEST(LayerLaws, StepsWithACacheAreTheWholePass) {
  const auto problem = problem_of<TypeParam, float>({26, 12});
  const auto y = problem.run().y;
  Decoding decoding(problem.model, problem.theta, {.sequences = 2, .longest = 26});
  decoding.start(2);
  for (Index first = 0; first < 26; first += 4) {
    std::vector<Index> lengths;
    Tokens<float> x(0, 12), expected(0, 12);
    for (Index s = 0; s < 2; ++s) {
      const Index count = std::clamp<Index>(problem.batch.length(s) - first, 0, 4);
      lengths.push_back(count);
      const Index begin = problem.batch.begin(s) + std::min(first, problem.batch.length(s));
      x.conservativeResize(x.rows() + count, 12);
      expected.conservativeResize(expected.rows() + count, 12);
      x.bottomRows(count) = problem.x.middleRows(begin, count);
      expected.bottomRows(count) = y.middleRows(begin, count);
    }
    EXPECT_TRUE(same_bits(decoding.step({.batch = Batch::of(lengths), .x = x}), expected)) << "from " << first;
  }
}

TEST(LayerLaws, ShiftingAllPositionsChangesNoDifference) {
  const auto problem = problem_of<LlamaLike, double>({9});
  auto input = problem.input();
  const std::vector<Index> later{100, 101, 102, 103, 104, 105, 106, 107, 108};
  Tape tape(problem.model);
  const Tokens<double> y = tape.forward(problem.model, problem.theta, input);
  input.positions = later;
  EXPECT_TRUE(tape.forward(problem.model, problem.theta, input).isApprox(y, 1e-12));
  const std::vector<Index> apart{0, 1, 2, 3, 9, 10, 11, 12, 13};
  input.positions = apart;
  EXPECT_FALSE(tape.forward(problem.model, problem.theta, input).isApprox(y, 1e-6));
}

TEST(LayerLaws, AStepThatContinuesAPartOfAChunkIsRefused) {
  const auto problem = problem_of<StreamLike, float>({3});
  Decoding decoding(problem.model, problem.theta, {.sequences = 1, .longest = 8});
  decoding.start(1);
  decoding.step({.batch = Batch::of({3}), .x = problem.x});
  EXPECT_THROW(decoding.step({.batch = Batch::of({3}), .x = problem.x}), std::invalid_argument);
}

}  // namespace
