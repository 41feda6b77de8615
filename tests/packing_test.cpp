// A sequence alone gives the same bits as the same sequence anywhere in a batch: outputs and gradients of inputs.
// group: slow_laws
// labels: slow
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "residual/kernel/threads.hpp"
#include "support/every_scalar.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

/// Sequence i of a problem as a problem of its own.
template <class M>
Problem<M> alone(const Problem<M>& all, Index i) {
  const bool reads = M::reads_memory;
  Problem<M> one(all.model, Batch::of({all.batch.length(i)}),
                 reads ? Batch::of({all.memory_batch.length(i)}) : Batch());
  one.theta = all.theta;
  one.x = all.x.middleRows(all.batch.begin(i), all.batch.length(i));
  one.dy = all.dy.middleRows(all.batch.begin(i), all.batch.length(i));
  if (reads) one.memory = all.memory.middleRows(all.memory_batch.begin(i), all.memory_batch.length(i));
  return one;
}

template <class M>
testing::AssertionResult packed_is_alone(const Problem<M>& all, const Executor& executor = Serial::instance()) {
  const auto packed = all.run(executor);
  for (Index i = 0; i < all.batch.sequences(); ++i) {
    const auto own = alone(all, i).run();
    const auto rows = [&](const auto& m) { return m.middleRows(all.batch.begin(i), all.batch.length(i)); };
    const auto y = same_bits(own.y, rows(packed.y)), dx = same_bits(own.dx, rows(packed.dx));
    if (!y) return testing::AssertionResult(y) << " in y of sequence " << i;
    if (!dx) return testing::AssertionResult(dx) << " in the gradient of x of sequence " << i;
    if (!M::reads_memory) continue;
    const auto begin = all.memory_batch.begin(i), length = all.memory_batch.length(i);
    const auto dmemory = same_bits(own.dmemory, packed.dmemory.middleRows(begin, length));
    if (!dmemory) return testing::AssertionResult(dmemory) << " in the gradient of memory of sequence " << i;
  }
  return testing::AssertionSuccess();
}

template <class W>
class Packing : public testing::Test {};
TYPED_TEST_SUITE(Packing, EveryScalar);

TYPED_TEST(Packing, AloneAsInTheBatch) {
  const Wanted wanted{.dim = 24,
                      .heads = 3,
                      .hidden = 50,
                      .lengths = {1, 130, 0, 5, 64, 97, 2, 1},
                      .memory_lengths = {3, 65, 7, 0, 130, 1, 1, 9}};
  for (Wanted w : {wanted, [&] {
                     auto c = wanted;
                     c.causal = true;
                     return c;
                   }()}) {
    for_every_stack<TypeParam>(w, [](const auto& problem) { EXPECT_TRUE(packed_is_alone(problem)); });
  }
}

/// Any width, odd ones too, any lengths, any number of threads.
RC_GTEST_PROP(RandomPacking, AloneAsInTheBatch, ()) {
  const Index heads = *rc::gen::inRange<Index>(1, 5);
  Wanted wanted{.dim = heads * *rc::gen::inRange<Index>(1, 30), .heads = heads};
  wanted.hidden = *rc::gen::inRange<Index>(1, 90);
  wanted.causal = *rc::gen::arbitrary<bool>();
  wanted.seed = *rc::gen::arbitrary<std::uint64_t>();
  wanted.depth = *rc::gen::inRange<Index>(1, 3);
  const auto count = *rc::gen::inRange<std::size_t>(1, 6);
  const auto lengths = rc::gen::container<std::vector<Index>>(count, rc::gen::inRange<Index>(0, 40));
  wanted.lengths = *lengths;
  wanted.memory_lengths = *lengths;
  const Threads threads(*rc::gen::inRange<Index>(1, 4));
  RC_ASSERT(packed_is_alone(encoder_problem<PreLN<float>>(wanted), threads));
  RC_ASSERT(packed_is_alone(decoder_problem<ResiDual<double>>(wanted), threads));
}

template <class S>
class WidePacking : public testing::Test {};
TYPED_TEST_SUITE(WidePacking, EveryScalar);

TYPED_TEST(WidePacking, AloneAsInTheBatch) {
  const Threads threads(2);
  for (const auto& [dim, heads] : {std::pair<Index, Index>{1024, 16}, {1023, 3}, {513, 1}, {512, 8}, {129, 3}}) {
    SCOPED_TRACE("dim " + std::to_string(dim));
    const Wanted wanted{.dim = dim, .heads = heads, .hidden = 300, .depth = 1, .lengths = {1, 19, 0, 40, 3}};
    EXPECT_TRUE(packed_is_alone(encoder_problem<ResiDual<TypeParam>>(wanted), threads));
  }
}

}  // namespace
