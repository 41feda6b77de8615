// Activation checkpointing changes no bit and takes less memory, for every scheme.
// group: schemes
#include <gtest/gtest.h>

#include "residual/kernel/threads.hpp"
#include "residual/model/language_model.hpp"
#include "support/every_scalar.hpp"
#include "support/heap_count.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

const std::vector<Wanted> stacks = {
    {.dim = 8, .depth = 0},
    {.dim = 8, .depth = 1},
    {.dim = 12, .heads = 3, .depth = 3, .lengths = {0, 7, 1}, .memory_lengths = {3, 0, 5}},
    {.dim = 12, .heads = 3, .depth = 3, .lengths = {5, 7}, .memory_lengths = {3, 5}, .causal = true, .dropout = 0.3},
};

template <class S>
class Recomputed : public testing::Test {};
TYPED_TEST_SUITE(Recomputed, EveryScalar);

TYPED_TEST(Recomputed, HasTheBitsOfWhatWasKept) {
  const Threads two(2);
  for (Wanted wanted : stacks) {
    SCOPED_TRACE("depth " + std::to_string(wanted.depth) + ", dropout " + std::to_string(wanted.dropout));
    for_every_stack<TypeParam>(wanted, [&](auto& problem) {
      if (wanted.dropout > 0) problem.seed = 3;
      const auto kept = problem.run();
      for (const Recompute recompute : {Recompute::sublayers, Recompute::blocks}) {
        SCOPED_TRACE(recompute == Recompute::blocks ? "blocks" : "sublayers");
        problem.model.recompute = recompute;
        expect_same_bits(problem.run(), kept);
        auto tape = problem.tape(two);
        problem.run(tape);
        tape.fill(not_a_number<TypeParam>);
        expect_same_bits(problem.run(tape), kept);
      }
    });
  }
}

/// Backward may be called again on the same tape.
TYPED_TEST(Recomputed, BackwardTwice) {
  Wanted wanted = stacks[2];
  wanted.recompute = Recompute::blocks;
  for_every_stack<TypeParam>(wanted, [](auto& problem) {
    auto tape = problem.tape();
    const auto once = problem.run(tape);
    auto again = once;
    again.gradient.flat().setZero();
    again.dx.setZero();
    again.dmemory.setZero();
    tape.backward(problem.model, problem.theta, problem.dy, again.gradient, {again.dx, again.dmemory});
    expect_same_bits(again, once);
  });
}

TYPED_TEST(Recomputed, AllocatesNothing) {
  for (const Recompute recompute : {Recompute::sublayers, Recompute::blocks}) {
    Wanted wanted = stacks[3];
    wanted.recompute = recompute;
    for_every_stack<TypeParam>(wanted, [](auto& problem) {
      problem.seed = 5;
      auto tape = problem.tape();
      auto r = problem.run(tape);
      const auto input = problem.input();
      EXPECT_EQ(allocations([&] {
                  tape.forward(problem.model, problem.theta, input);
                  tape.backward(problem.model, problem.theta, problem.dy, r.gradient, {r.dx, r.dmemory});
                }),
                0);
    });
  }
}

/// Everything that an observer sees, in its order.
template <class S>
struct Log : Observer<S> {
  void branch(Site k, In<S> x, In<S> fx) override { note("branch", k.number()), keep(x), keep(fx); }
  void streams(Site k, const Streams<S>& x) override { note("streams", k.number()), keep(x); }
  void branch_gradient(Site k, In<S> d) override { note("branch_gradient", k.number()), keep(d); }
  void stream_gradients(Site k, const Streams<S>& d) override { note("stream_gradients", k.number()), keep(d); }
  void block_gradient(Index block) override { note("block_gradient", block); }

  std::vector<std::string> calls;
  std::vector<Tokens<S>> numbers;

 private:
  void note(const char* what, Index i) { calls.push_back(what + std::to_string(i)); }
  void keep(In<S> m) { numbers.emplace_back(m); }
  void keep(const Streams<S>& all) {
    for (Index i = 0; i < all.count(); ++i) keep(all[i]);
  }
};

TYPED_TEST(Recomputed, ObserversSeeTheSame) {
  for_every_stack<TypeParam>(stacks[3], [](auto& problem) {
    const auto log = [&](Recompute recompute) {
      problem.model.recompute = recompute;
      Log<TypeParam> all;
      auto tape = problem.tape();
      tape.observe(&all);
      problem.run(tape);
      return all;
    };
    const auto kept = log(Recompute::nothing);
    EXPECT_EQ(kept.calls.size(), std::size_t(problem.model.sites() * 4 + problem.model.depth));
    for (const Recompute recompute : {Recompute::sublayers, Recompute::blocks}) {
      const auto seen = log(recompute);
      ASSERT_EQ(seen.calls, kept.calls);
      ASSERT_EQ(seen.numbers.size(), kept.numbers.size());
      for (std::size_t i = 0; i < seen.numbers.size(); ++i) EXPECT_TRUE(same_bits(seen.numbers[i], kept.numbers[i]));
    }
  });
}

/// When an observer hears that a block's gradient is complete, it is what backward leaves.
template <class S, class M>
struct BlockGradients : Observer<S> {
  explicit BlockGradients(Parameters<M>& g) : gradient(g) {}
  void block_gradient(Index block) override {
    const std::string prefix = "layers." + std::to_string(block) + ".";
    for (const auto& tensor : gradient.manifest()) {
      if (tensor.name.rfind(prefix, 0) != 0) continue;
      seen.emplace_back(tensor.name, gradient.flat().segment(tensor.offset, tensor.size()));
    }
  }
  Parameters<M>& gradient;
  std::vector<std::pair<std::string, Column<S>>> seen;
};

TYPED_TEST(Recomputed, BlockGradientsAreComplete) {
  for (const Recompute recompute : {Recompute::nothing, Recompute::sublayers, Recompute::blocks}) {
    Wanted wanted = stacks[2];
    wanted.recompute = recompute;
    for_every_stack<TypeParam>(wanted, [](auto& problem) {
      Parameters gradient(problem.model);
      BlockGradients<TypeParam, std::decay_t<decltype(problem.model)>> blocks(gradient);
      auto tape = problem.tape();
      tape.observe(&blocks);
      tape.forward(problem.model, problem.theta, problem.input());
      tape.backward(problem.model, problem.theta, problem.dy, gradient, {});
      std::size_t tensors = 0;
      for (const auto& tensor : gradient.manifest()) tensors += tensor.name.rfind("layers.", 0) == 0;
      EXPECT_EQ(blocks.seen.size(), tensors);
      for (const auto& [name, numbers] : blocks.seen) EXPECT_TRUE(same_bits(numbers, tensor(gradient, name))) << name;
    });
  }
}

/// In a language model, where the stack's input is computed and its output projected.
TYPED_TEST(Recomputed, InALanguageModel) {
  using S = TypeParam;
  const std::vector<int> words{1, 2, 3, 1, 0, 2, 2};
  for (const auto& scheme : every_scheme<S>()) {
    SCOPED_TRACE(scheme.name);
    const auto run = [&](Recompute recompute) {
      Sizes s = stacks[3].sizes();
      s.recompute = recompute;
      const auto model = language_model(scheme.plain(s.dim), s, Embedding<S>(4, s.dim, 9));
      Parameters theta(model), gradient(model);
      randomise(theta, 7);
      Tape tape(model);
      const Tokens<S> y = tape.forward(model, theta, {.batch = Batch::of({3, 4}), .tokens = words, .seed = 2});
      tape.backward(model, theta, y, gradient, {});
      return Column<S>(gradient.flat());
    };
    const Column<S> kept = run(Recompute::nothing);
    EXPECT_TRUE(same_bits(run(Recompute::sublayers), kept));
    EXPECT_TRUE(same_bits(run(Recompute::blocks), kept));
  }
}

/// What a training tape of six blocks holds, in matrices of [tokens x dim].
template <class P>
double held(P problem, Recompute recompute) {
  problem.model.recompute = recompute;
  auto tape = problem.tape();
  problem.run(tape);
  return double(tape.bytes()) / double(sizeof(float) * 1024 * 64);
}
TEST(Held, LessWhenMoreIsComputedAgain) {
  const Wanted wanted{.dim = 64, .heads = 4, .hidden = 256, .depth = 6, .lengths = {1024}};
  const auto post = encoder_problem<PostLN<float>>(wanted);
  EXPECT_LE(held(post, Recompute::nothing), 6 * 10.15 + 8.1);
  EXPECT_LE(held(post, Recompute::sublayers), 6 * 1.1 + 18.1);
  EXPECT_LE(held(post, Recompute::blocks), 5 + 10.15 + 9.1);
}

}  // namespace
