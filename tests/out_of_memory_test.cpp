// Memory that runs out anywhere is a std::bad_alloc, after which the same objects give the right bits.
// group: stack_laws
// labels: long
#include <gtest/gtest.h>

#include <memory>

#include "residual/decode/beam_search.hpp"
#include "residual/decode/decoding.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/plan.hpp"
#include "support/heap_count.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

/// Calls use(*objects) with objects of make() for n = 0, 1, ... until it allocates less often: its n-th allocation finds no
/// memory, alone or with all that follow. Then check(*objects) looks at what is left.
template <class Make, class Use, class Check>
void run_short(const Make& make, const Use& use, const Check& check) {
  if (!refuses_malloc) GTEST_SKIP() << "malloc is not replaced on this platform";
  for (const Shortage shortage : {Shortage::of_one, Shortage::of_all}) {
    long n = 0;
    for (bool short_of_memory = true; short_of_memory; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n) + (shortage == Shortage::of_one ? "" : " and all that follow"));
      auto objects = make();
      short_of_memory = false;
      try {
        short_of_memory = runs_short(n, shortage, [&] { use(*objects); });
      } catch (const std::bad_alloc&) {
        short_of_memory = true;
      }
      check(*objects);
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_GT(n, 1) << "nothing was allocated";
  }
}

/// A place for what is made while memory runs out.
template <class T>
struct Made {
  std::optional<T> object;
};
template <class T, class Use, class Check>
void make_short(const Use& make, const Check& check) {
  run_short([] { return std::make_unique<Made<T>>(); }, [&](Made<T>& made) { made.object.emplace(make()); },
            [&](Made<T>& made) {
              if (!made.object) made.object.emplace(make());
              check(*made.object);
            });
}

const Wanted with_dropout{.lengths = {5, 0, 30}, .memory_lengths = {4, 20, 6}, .causal = true, .dropout = 0.1};
auto problem_of() {
  auto problem = decoder_problem<ResiDual<float>>(with_dropout);
  problem.seed = 3;
  return problem;
}
using P = decltype(problem_of());
using M = decltype(P::model);

TEST(OutOfMemory, MakingParameters) {
  const auto problem = problem_of();
  make_short<Parameters<M>>([&] { return Parameters<M>(problem.model); },
                            [&](const auto& theta) { EXPECT_TRUE((theta.flat().array() == 0).all()); });
}

TEST(OutOfMemory, CopyingParameters) {
  const auto problem = problem_of();
  make_short<Parameters<M>>([&] { return Parameters<M>(problem.theta); },
                            [&](const auto& theta) { EXPECT_TRUE(same_bits(theta.flat(), problem.theta.flat())); });
}

TEST(OutOfMemory, AssigningParameters) {
  const auto problem = problem_of();
  run_short([&] { return std::make_unique<Parameters<M>>(problem.model); }, [&](auto& theta) { theta = problem.theta; },
            [&](auto& theta) {
              if ((theta.flat().array() == 0).all()) theta = problem.theta;
              EXPECT_TRUE(same_bits(theta.flat(), problem.theta.flat()));
            });
}

TEST(OutOfMemory, MakingATape) {
  const auto problem = problem_of();
  const auto expected = problem.run();
  make_short<residual::Tape<M>>([&] { return problem.tape(); },
                                [&](auto& tape) { expect_same_bits(problem.run(tape), expected); });
}

TEST(OutOfMemory, MakingAPlan) {
  const auto problem = problem_of();
  const auto expected = problem.run();
  run_short([] { return std::make_unique<std::unique_ptr<Plan<M>>>(); },
            [&](auto& plan) { plan = std::make_unique<Plan<M>>(problem.theta); },
            [&](auto& plan) {
              if (plan == nullptr) plan = std::make_unique<Plan<M>>(problem.theta);
              auto tape = problem.tape();
              EXPECT_TRUE(same_bits(forward(problem.model, *plan, tape, problem.input()), expected.y));
            });
}

/// Forward and, on a tape that keeps what it needs, backward; `grown`: after a pass of a smaller batch.
void run_passes_short(const Executor& executor, Keep keep, bool grown) {
  const auto problem = problem_of();
  P small(problem.model, Batch::of({2, 1}), Batch::of({1, 3}));
  const auto expected = problem.run();
  Parameters<M> gradient(problem.model);
  Tokens<float> dx = problem.x, dmemory = problem.memory;
  const auto pass = [&](auto& tape) {
    EXPECT_TRUE(same_bits(tape.forward(problem.model, problem.theta, problem.input()), expected.y));
    if (keep == Keep::nothing) return;
    for (auto* matrix : {&dx, &dmemory}) matrix->setZero();
    gradient.flat().setZero();
    tape.backward(problem.model, problem.theta, problem.dy, gradient, {dx, dmemory});
    EXPECT_TRUE(same_bits(gradient.flat(), expected.gradient.flat()));
    EXPECT_TRUE(same_bits(dx, expected.dx));
    EXPECT_TRUE(same_bits(dmemory, expected.dmemory));
  };
  run_short(
      [&] {
        auto tape = std::make_unique<residual::Tape<M>>(problem.model, keep, executor);
        if (grown) tape->forward(small.model, small.theta, small.input());
        return tape;
      },
      pass, pass);
}
TEST(OutOfMemory, Passes) { run_passes_short(Serial::instance(), Keep::for_backward, false); }
TEST(OutOfMemory, PassesThatGrow) { run_passes_short(Serial::instance(), Keep::for_backward, true); }
TEST(OutOfMemory, PassesForInference) { run_passes_short(Serial::instance(), Keep::nothing, false); }
TEST(OutOfMemory, PassesForInferenceThatGrow) { run_passes_short(Serial::instance(), Keep::nothing, true); }
TEST(OutOfMemory, PassesOnThreads) {
  const Threads two(2);
  run_passes_short(two, Keep::for_backward, false);
}

/// backward alone, whose forward pass had memory: it may be called again.
TEST(OutOfMemory, BackwardAfterItsForwardPass) {
  const auto problem = problem_of();
  const auto expected = problem.run();
  Parameters<M> gradient(problem.model);
  const auto backwards = [&](auto& tape) {
    gradient.flat().setZero();
    tape.backward(problem.model, problem.theta, problem.dy, gradient, {});
    EXPECT_TRUE(same_bits(gradient.flat(), expected.gradient.flat()));
  };
  run_short(
      [&] {
        auto tape = std::make_unique<residual::Tape<M>>(problem.tape());
        tape->forward(problem.model, problem.theta, problem.input());
        return tape;
      },
      backwards,
      [&](auto& tape) {
        EXPECT_TRUE(same_bits(tape.y(), expected.y));
        backwards(tape);
      });
}

/// A decoding of a decoder with what it decodes.
struct Decodes {
  P problem = problem_of();
  Batch first = Batch::of({3, 0, 20}), second = Batch::of({2, 0, 10});
  Tokens<float> y, x_first, x_second;

  Decodes() : x_first(23, 8), x_second(12, 8) {
    problem.seed.reset();
    y = problem.run().y;
    x_first << problem.x.topRows(3), problem.x.middleRows(5, 20);
    x_second << problem.x.middleRows(3, 2), problem.x.bottomRows(10);
  }
  Decoding<M> make() const { return Decoding<M>(problem.model, problem.theta, {.sequences = 3, .longest = 30}); }
  M::Source source() const { return {problem.memory_batch, problem.memory}; }

  void expect_first(Decoding<M>& decoding) const {
    Tokens<float> rows(23, 8);
    rows << y.topRows(3), y.middleRows(5, 20);
    EXPECT_TRUE(same_bits(decoding.step(first, x_first), rows));
  }
  void expect_second(Decoding<M>& decoding) const {
    Tokens<float> rows(12, 8);
    rows << y.middleRows(3, 2), y.bottomRows(10);
    EXPECT_TRUE(same_bits(decoding.step(second, x_second), rows));
  }
  void expect_all(Decoding<M>& decoding) const {
    expect_first(decoding);
    expect_second(decoding);
  }
};

TEST(OutOfMemory, MakingADecoding) {
  const Decodes d;
  make_short<Decoding<M>>([&] { return d.make(); },
                          [&](auto& decoding) {
                            decoding.start(d.source());
                            d.expect_all(decoding);
                          });
}

TEST(OutOfMemory, StartingToDecode) {
  const Decodes d;
  run_short([&] { return std::make_unique<Decoding<M>>(d.make()); },
            [&](auto& decoding) { decoding.start(d.source()); },
            [&](auto& decoding) {
              if (decoding.sequences() == 0) decoding.start(d.source());
              d.expect_all(decoding);
            });
}

/// What was decoded before goes on or is forgotten, but is not continued over memory that is not there.
TEST(OutOfMemory, StartingToDecodeAgain) {
  const Decodes d;
  const auto memory = random_tokens<float>(1, 8, 1), x = random_tokens<float>(1, 8, 2);
  const auto make = [&] {
    auto decoding = std::make_unique<Decoding<M>>(d.make());
    decoding->start({Batch::of({1}), memory});
    decoding->step(x);
    return decoding;
  };
  const auto undisturbed = make();
  const Tokens<float> next = undisturbed->step(x);
  run_short(
      make, [&](auto& decoding) { decoding.start(d.source()); },
      [&](auto& decoding) {
        if (decoding.sequences() == 1) {
          EXPECT_TRUE(same_bits(decoding.step(x), next));
        }
        if (decoding.sequences() != 3) decoding.start(d.source());
        d.expect_all(decoding);
      });
}

TEST(OutOfMemory, StepsOfDecoding) {
  const Decodes d;
  run_short(
      [&] {
        auto decoding = std::make_unique<Decoding<M>>(d.make());
        decoding->start(d.source());
        return decoding;
      },
      [&](auto& decoding) {
        decoding.step(d.first, d.x_first);
        decoding.step(d.second, d.x_second);
      },
      [&](auto& decoding) {
        if (decoding.length(0) == 0) d.expect_first(decoding);
        if (decoding.length(0) == 3) d.expect_second(decoding);
        EXPECT_EQ(decoding.length(2), 30);
      });
}

/// Either all of it has happened or nothing.
TEST(OutOfMemory, ReorderingADecoding) {
  const Decodes d;
  const std::vector<Index> two{2, 0};
  run_short(
      [&] {
        auto decoding = std::make_unique<Decoding<M>>(d.make());
        decoding->start(d.source());
        decoding->step(d.first, d.x_first);
        return decoding;
      },
      [&](auto& decoding) { decoding.reorder(two); },
      [&](auto& decoding) {
        if (decoding.sequences() == 3) decoding.reorder(two);
        Tokens<float> x(2, 8), rows(2, 8);
        x << d.problem.x.row(25), d.problem.x.row(3);
        rows << d.y.row(25), d.y.row(3);
        EXPECT_TRUE(same_bits(decoding.step(x), rows)) << "one token for each sequence";
      });
}

TEST(OutOfMemory, BeamSearch) {
  const auto model = language_model(PreLN<float>(8), with_dropout.sizes(), Embedding<float>(13, 8, 40));
  using L = std::remove_const_t<decltype(model)>;
  Parameters theta(model);
  randomise(theta, 3);
  const std::vector<std::vector<int>> prompts{{1, 2, 3}, {4}};
  const auto search = [&](auto& decoding) {
    decoding.start(2);
    return beam_search(decoding, prompts, {.tokens = 6, .end = 5}, {.width = 3});
  };
  const auto make = [&] {
    return std::make_unique<Decoding<L>>(model, theta, Capacity{.sequences = 6, .longest = 40});
  };
  const auto fresh = make();
  const auto expected = search(*fresh);
  run_short(make, search, [&](auto& decoding) {
    const auto found = search(decoding);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i].size(), expected[i].size());
      for (std::size_t k = 0; k < found[i].size(); ++k) {
        EXPECT_EQ(found[i][k].tokens, expected[i][k].tokens);
        EXPECT_EQ(found[i][k].score, expected[i][k].score);
      }
    }
  });
}

}  // namespace
