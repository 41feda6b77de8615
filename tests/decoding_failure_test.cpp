// A start, a step or a reordering that fails half way leaves no sequence over a cache that is half written.
// group: generation
#include <gtest/gtest.h>

#include <new>

#include "residual/decode/decoding.hpp"
#include "residual/model/decoder.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/executors.hpp"
#include "support/expect_sentence.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using namespace test_support;

constexpr Index never = std::numeric_limits<Index>::max();
/// Wide enough for every product of several sequences to be spread over the pool.
constexpr Sizes sizes{.dim = 128, .heads = 4, .hidden = 128, .depth = 2, .causal = true};
using Blocks = Decoder<PreLN<float>>;

/// A decoder whose cache finds no memory when its last `chances` are used up: one a binding, one a copy.
struct Fragile : Blocks {
  inline static Index chances = never;
  static void use_chance() {
    if (chances-- <= 0) throw std::bad_alloc();
  }
  struct Cache : Blocks::Cache {
    void carve(Carver<float>& c, const Fragile& model, const CacheRows& rows) {
      use_chance();
      Blocks::Cache::carve(c, model, rows);
    }
    void copy(Index from, Index to, Index count) {
      use_chance();
      Blocks::Cache::copy(from, to, count);
    }
  };
};
static_assert(DecodingModel<Fragile> && ReadsMemory<Fragile>);

/// What a source of the model is called.
template <class M>
typename M::Source source_of(const Batch& batch, In<float> x) {
  return {batch, x};
}

/// A decoding of a model that reads a memory, on a pool that may close.
template <class M>
struct Failing {
  explicit Failing(const M& m) : model(m), theta(m) { randomise(theta, 1); }

  M model;
  Parameters<M> theta;
  Closing pool{2};
  const Batch batch = Batch::of({70, 50}), larger_batch = Batch::of({90, 80, 70});
  const Tokens<float> source = random_tokens<float>(120, sizes.dim, 2),
                      larger = random_tokens<float>(240, sizes.dim, 3), x = random_tokens<float>(90, sizes.dim, 4),
                      wrong = random_tokens<float>(100, sizes.dim, 5);
  Decoding<M> decoding{model, theta, {.sequences = 4, .longest = 100}, pool};

  void start() { decoding.start(source_of<M>(batch, source)); }
  void start_larger() { decoding.start(source_of<M>(larger_batch, larger)); }
  /// The sequences get 40 + 50 tokens in two steps, whose output is that of one pass.
  void step_first() { y_first = decoding.step(Batch::of({20, 30}), x.topRows(50)); }
  void step_second() {
    const In<float> y_second = decoding.step(Batch::of({20, 20}), x.bottomRows(40));
    Tape<M> tape(model, Keep::nothing);
    Tokens<float> all(90, sizes.dim);
    all << x.topRows(20), x.middleRows(50, 20), x.middleRows(20, 30), x.bottomRows(20);
    const In<float> y = forward(model, theta, tape, Batch::of({40, 50}), all, batch, source);
    EXPECT_TRUE(same_bits(y.topRows(20), y_first.topRows(20)));
    EXPECT_TRUE(same_bits(y.middleRows(20, 20), y_second.topRows(20)));
    EXPECT_TRUE(same_bits(y.middleRows(40, 30), y_first.bottomRows(30)));
    EXPECT_TRUE(same_bits(y.bottomRows(20), y_second.bottomRows(20)));
  }
  void expect_no_sequence() {
    EXPECT_EQ(decoding.sequences(), 0);
    expect_sentence([&] { decoding.step(Batch::of({1, 1}), x.topRows(2)); }, {"no sequence was started"});
    expect_sentence([&] { decoding.step(x.topRows(3)); }, {"no sequence was started"});
  }

 private:
  Tokens<float> y_first;
};

/// Calls attempt() with 0, 1, ... calls of the pool until it comes through; after each failure after().
template <class M, class Attempt, class After>
Index fail_everywhere(Failing<M>& f, Attempt&& attempt, After&& after) {
  for (Index calls = 0;; ++calls) {
    f.start();
    f.step_first();
    f.pool.close_after(calls);
    try {
      attempt();
      f.pool.close_after(never);
      return calls;
    } catch (const std::runtime_error&) {
      f.pool.close_after(never);
      after();
    }
  }
}

template <class M>
void expect_no_sequence_after_a_start(const M& model) {
  Failing<M> f(model);
  const Index failures = fail_everywhere(
      f, [&] { f.start_larger(); },
      [&] {
        f.expect_no_sequence();
        f.start();
        f.step_first();
        f.step_second();
      });
  EXPECT_GT(failures, 1);
  EXPECT_EQ(f.decoding.sequences(), 3);
}
template <class M>
void expect_a_step_again(const M& model) {
  Failing<M> f(model);
  std::vector<std::uint8_t> hidden(100, 1);
  const Batch batch = Batch::of({60, 40}).hiding(hidden);
  const Index failures = fail_everywhere(
      f, [&] { f.decoding.step(batch, f.wrong); },
      [&] {
        EXPECT_EQ(f.decoding.sequences(), 2);
        EXPECT_EQ(f.decoding.length(0), 20);
        EXPECT_EQ(f.decoding.length(1), 30);
        f.step_second();
      });
  EXPECT_GT(failures, 5);
}

auto translation() {
  return encoder_decoder(encoder(PreLN<float>(sizes.dim), sizes), decoder(PreLN<float>(sizes.dim), sizes));
}

TEST(AStartThatFails, LeavesNoSequence) {
  expect_no_sequence_after_a_start(decoder(PreLN<float>(sizes.dim), sizes));
  expect_no_sequence_after_a_start(translation());
}
TEST(AStartThatFails, LeavesNoSequenceWhereTheCacheFindsNoMemory) {
  for (const Index chances : {0, 1}) {
    Fragile::chances = never;
    Failing<Fragile> f(Fragile{decoder(PreLN<float>(sizes.dim), sizes)});
    f.start();
    f.step_first();
    Fragile::chances = chances;
    EXPECT_THROW(f.start_larger(), std::bad_alloc);
    Fragile::chances = never;
    f.expect_no_sequence();
    f.start();
    f.step_first();
    f.step_second();
  }
}
TEST(AStartThatIsRefused, ChangesNothing) {
  Failing<Blocks> f(decoder(PreLN<float>(sizes.dim), sizes));
  f.start();
  f.step_first();
  expect_sentence([&] { f.decoding.start({f.batch, f.larger}); }, {"memory is [240 x 128]"});
  expect_sentence([&] { f.decoding.start({Batch::of({1, 1, 1, 1, 1}), f.source.topRows(5)}); }, {"no room for 5"});
  f.step_second();
}
TEST(AStepThatFails, CanBeMadeAgain) {
  expect_a_step_again(decoder(PreLN<float>(sizes.dim), sizes));
  expect_a_step_again(translation());
}

/// A step that was not made hides nothing, so attention takes the way without a mask, as before.
TEST(AStepThatFails, HidesNothing) {
  CachedSequences sequences({.sequences = 1, .longest = 4});
  sequences.start(Batch::of({0}));
  const Batch one = Batch::of({1}), hidden = one.hiding(std::vector<std::uint8_t>{1});
  sequences.hide(hidden);
  EXPECT_EQ(sequences.context(one).tokens.hides, nullptr);
  sequences.grow(hidden);
  EXPECT_NE(sequences.context(one).tokens.hides, nullptr);
}

/// Three of four places are taken; the copies of two sequences overwrite one that nobody continues.
TEST(AReorderingThatFails, LeavesNoSequence) {
  for (const Index chances : {0, 1}) {
    Fragile::chances = never;
    Failing<Fragile> f(Fragile{decoder(PreLN<float>(sizes.dim), sizes)});
    f.start_larger();
    f.decoding.step(f.x.topRows(3));
    Fragile::chances = chances;
    EXPECT_THROW(f.decoding.reorder({1, 1, 1, 2}), std::bad_alloc);
    Fragile::chances = never;
    f.expect_no_sequence();
    f.start();
    f.step_first();
    f.step_second();
  }
}
TEST(AReorderingThatFails, IsNoneWhereNothingIsCopied) {
  Fragile::chances = never;
  Failing<Fragile> f(Fragile{decoder(PreLN<float>(sizes.dim), sizes)});
  f.start_larger();
  f.decoding.step(f.x.topRows(3));
  Fragile::chances = 0;
  EXPECT_NO_THROW(f.decoding.reorder({2, 0}));
  Fragile::chances = never;
  EXPECT_EQ(f.decoding.sequences(), 2);
}

}  // namespace
