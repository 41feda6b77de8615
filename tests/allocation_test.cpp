// From the second pass on, nothing takes memory from the heap: forward, backward, optimizer steps, on any thread. And how
// much a tape holds.
// group: stack_laws
// labels: long
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>

#include "residual/kernel/threads.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/clip.hpp"
#include "residual/train/loss.hpp"
#include "residual/train/sgd.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/every_scalar.hpp"
#include "support/heap_count.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

/// Something to point to what is allocated: or the compiler may leave the pair of new and delete out.
void* volatile somewhere = nullptr;

template <class T>
void allocate() {
  const auto p = std::make_unique<T>();
  somewhere = p.get();
}

TEST(HeapCount, SeesEveryKindOfAllocation) {
  struct alignas(128) Aligned {
    char bytes[128];
  };
  EXPECT_GT(allocations(allocate<int>), 0) << "operator new";
  EXPECT_GT(allocations([] { somewhere = std::vector<double>(1000).data(); }), 0) << "a container";
  EXPECT_GT(allocations(allocate<Aligned>), 0) << "aligned operator new";
  EXPECT_GT(allocations(allocate<std::function<void()>>), 0);
  EXPECT_GT(allocations([] { std::thread(allocate<int>).join(); }), 1) << "another thread";
  EXPECT_EQ(allocations([] {}), 0);
}

TEST(HeapCount, SeesEveryKindOfMalloc) {
  if (!counts_malloc) GTEST_SKIP() << "only operator new is counted on this platform";
  EXPECT_EQ(allocations([] { somewhere = std::malloc(100); }), 1);
  EXPECT_EQ(allocations([] { somewhere = std::realloc(somewhere, 100000); }), 1);
  std::free(somewhere);
  EXPECT_EQ(allocations([] { somewhere = std::calloc(10, 10); }), 1);
  std::free(somewhere);
  EXPECT_EQ(allocations([] { somewhere = std::aligned_alloc(64, 640); }), 1);
  std::free(somewhere);
  EXPECT_GT(allocations([] { somewhere = Tokens<float>(100, 100).data(); }), 0) << "a matrix of Eigen's";
}

/// Passes over a problem with buffers of their own, so that a pass of the test itself allocates nothing.
template <class M>
struct Passes {
  using S = typename M::Scalar;
  const Problem<M>& problem;
  residual::Tape<M> tape;
  Parameters<M> gradient;
  Input<S> input;
  Tokens<S> dx, dmemory;

  Passes(const Problem<M>& p, const Executor& executor)
      : problem(p),
        tape(p.tape(executor)),
        gradient(p.model),
        input(p.input()),
        dx(Tokens<S>::Zero(p.x.rows(), p.x.cols())),
        dmemory(Tokens<S>::Zero(p.memory.rows(), p.memory.cols())) {}

  void forward() { tape.forward(problem.model, problem.theta, input); }
  void backward(bool input_gradients) {
    tape.backward(problem.model, problem.theta, problem.dy, gradient,
                  input_gradients ? InputGradient<S>{dx, dmemory} : InputGradient<S>{});
  }
};

template <class P>
void expect_no_allocation(const P& problem, const Executor& executor) {
  Passes passes(problem, executor);
  passes.forward();
  passes.backward(false);
  passes.backward(true);
  for (int pass = 2; pass < 4; ++pass) {
    EXPECT_EQ(allocations([&] { passes.forward(); }), 0) << "forward pass " << pass;
    EXPECT_EQ(allocations([&] { passes.backward(true); }), 0) << "backward pass " << pass;
    EXPECT_EQ(allocations([&] { passes.backward(false); }), 0) << "backward pass without dx " << pass;
  }
}

template <class W>
class Allocation : public testing::Test {};
TYPED_TEST_SUITE(Allocation, EveryScalar);

TYPED_TEST(Allocation, NoneFromTheSecondPassOn) {
  const std::vector<Wanted> sizes = {
      {.dim = 8, .lengths = {100, 0, 7}, .memory_lengths = {12, 3, 90}, .dropout = 0.1},
      {.dim = 8, .lengths = {}, .memory_lengths = {}},
      {.dim = 64, .hidden = 100, .lengths = {40, 30}, .memory_lengths = {12, 80}, .causal = true},
      {.dim = 64, .hidden = 100, .lengths = {40, 30}, .memory_lengths = {12, 80}, .dropout = 0.1},
      {.dim = 512, .heads = 8, .hidden = 700, .depth = 1, .lengths = {3, 20}, .memory_lengths = {1, 0}},
      {.dim = 1024, .heads = 8, .hidden = 512, .depth = 1, .lengths = {9}, .memory_lengths = {4}, .dropout = 0.1},
  };
  const Threads two(2);
  for (const Wanted& wanted : sizes) {
    SCOPED_TRACE("dim " + std::to_string(wanted.dim) + ", dropout " + std::to_string(wanted.dropout));
    const auto check = [&](auto& problem) {
      if (wanted.dropout > 0) problem.seed = 7;
      expect_no_allocation(problem, Serial::instance());
      expect_no_allocation(problem, two);
    };
    // Wide products take the same memory for every scheme.
    wanted.dim > 64 ? for_encoder_and_decoder<ResiDual<TypeParam>>(wanted, check)
                    : for_every_stack<TypeParam>(wanted, check);
  }
}

/// A tape that has seen the largest batch knows every smaller one.
TYPED_TEST(Allocation, NoneForASmallerBatchAfterABiggerOne) {
  const Threads two(2);
  const Wanted wanted{.dim = 64, .heads = 4, .hidden = 128, .lengths = {90, 40}, .memory_lengths = {50, 60}};
  for_every_stack<TypeParam>(wanted, [&](auto& problem) {
    Passes passes(problem, two);
    passes.forward();
    passes.backward(true);
    const Batch memory = problem.memory_batch.sequences() == 0 ? Batch() : Batch::of({1, 20});
    const std::remove_reference_t<decltype(problem)> small(problem.model, Batch::of({3, 31}), memory);
    const auto input = small.input();
    auto dx = small.x, dmemory = small.memory;
    auto& tape = passes.tape;
    EXPECT_EQ(allocations([&] { tape.forward(small.model, small.theta, input); }), 0);
    EXPECT_EQ(allocations([&] {
                tape.backward(small.model, small.theta, small.dy, passes.gradient, {dx, dmemory});
              }),
              0);
  });
}

TYPED_TEST(Allocation, NoneOnAnInferenceTape) {
  for (const Index dim : {64, 512}) {
    const Wanted wanted{.dim = dim, .heads = 8, .hidden = 700, .lengths = {33}, .memory_lengths = {20}};
    const auto check = [](const auto& problem) {
      Tape tape(problem.model, Keep::nothing);
      const auto input = problem.input();
      tape.forward(problem.model, problem.theta, input);
      EXPECT_EQ(allocations([&] { tape.forward(problem.model, problem.theta, input); }), 0);
    };
    dim > 64 ? for_encoder_and_decoder<ResiDual<TypeParam>>(wanted, check) : for_every_stack<TypeParam>(wanted, check);
  }
}

/// A whole training step: both losses, clipping and every optimizer included.
TYPED_TEST(Allocation, NoneInATrainingStep) {
  using S = TypeParam;
  auto problem = encoder_problem<ResiDual<S>>({.dim = 512, .heads = 8, .depth = 1, .lengths = {9, 4}, .dropout = 0.1});
  Passes passes(problem, Serial::instance());
  const auto mask = decay_mask(problem.theta);
  Sgd<S> sgd(problem.theta.size(), {.momentum = 0.9, .weight_decay = 1e-4}, mask);
  AdamW<S> adamw(problem.theta.size(), {}, mask);
  const std::vector<int> targets(std::size_t(problem.x.rows()), 3);
  const auto step = [&](auto& optimizer, auto&& loss) {
    passes.gradient.flat().setZero();
    passes.forward();
    loss(passes.tape.y());
    passes.backward(false);
    clip_by_global_norm(passes.gradient.flat(), 0.5);
    optimizer.step(problem.theta.flat(), passes.gradient.flat(), 1e-3);
  };
  const auto squares = [&](In<S> y) { mse(y, problem.x, problem.dy); };
  const auto classes = [&](In<S> y) { cross_entropy(y, targets, problem.dy, {.label_smoothing = 0.1}); };
  for (int pass = 1; pass <= 3; ++pass) {
    const long in_sgd = allocations([&] { step(sgd, squares); });
    const long in_adamw = allocations([&] { step(adamw, classes); });
    if (pass == 1) continue;
    EXPECT_EQ(in_sgd, 0) << "step " << pass;
    EXPECT_EQ(in_adamw, 0) << "step " << pass;
  }
}

const Wanted long_sequence{
    .dim = 64, .heads = 4, .hidden = 256, .depth = 1, .lengths = {1024}, .memory_lengths = {1024}};

/// What a tape holds after a pass, in matrices of [tokens x dim]; the feed-forward layer's block is as large as 2.
template <class M>
double held(const Tape<M>& tape) {
  return double(tape.bytes()) / double(sizeof(typename M::Scalar) * 1024 * 64);
}

/// x, f(x), y, and for the time of one sub-layer q, k, v and a number a head: o lies where f(x) will be.
TEST(Held, ByAnInferenceTapeOfAnyDepth) {
  for (const Index depth : {1, 3}) {
    Wanted wanted = long_sequence;
    wanted.depth = depth;
    for_encoder_and_decoder<PostLN<float>>(wanted, [](const auto& problem) {
      Tape tape(problem.model, Keep::nothing);
      tape.forward(problem.model, problem.theta, problem.input());
      EXPECT_LE(held(tape), 6.5);
    });
  }
}

/// What a stack holds, and the logits; the embedding lies where the stack's output will be.
TEST(Held, ByALanguageModel) {
  const auto model = language_model(PostLN<float>(64), long_sequence.sizes(), Embedding<float>(64, 64, 1024));
  const Parameters theta(model);
  Tape tape(model, Keep::nothing);
  const std::vector<int> tokens(1024, 1);
  forward(model, theta, tape, Batch::of({1024}), tokens);
  EXPECT_LE(held(tape), 7.5);
}

/// A block keeps q, k, v, o and xhat, then 4 of h and xhat; beside them are y, x computed again, two gradients and those of
/// o, q, k, v. The highest logit and the sum of each row and head come to 2 heads a token.
TEST(Held, ByATrainingTape) {
  for (const Index depth : {1, 3}) {
    Wanted wanted = long_sequence;
    wanted.depth = depth;
    const auto problem = encoder_problem<PostLN<float>>(wanted);
    auto tape = problem.tape();
    problem.run(tape);
    EXPECT_LE(held(tape), double(depth) * 10.15 + 8.1);
  }
}

/// A batch that is given other lengths for each pass, of no more sequences than before.
TEST(BatchAllocation, NoneWhenLengthsChange) {
  const auto model = encoder(PreLN<float>(8), {.dim = 8, .heads = 2, .hidden = 16, .depth = 1});
  const Parameters theta(model);
  Tape tape(model);
  const Tokens<float> x = random_tokens<float>(12, 8, 1);
  std::vector<int> lengths{5, 4, 3};
  Batch batch;
  const auto pass = [&](int first) {
    lengths[0] = first;
    lengths[1] = 9 - first;
    batch.assign(lengths);
    forward(model, theta, tape, {.batch = batch, .x = x});
  };
  for (const int first : {5, 1}) pass(first);
  for (const int first : {7, 2, 9, 4}) EXPECT_EQ(allocations([&] { pass(first); }), 0) << first;
}

}  // namespace
