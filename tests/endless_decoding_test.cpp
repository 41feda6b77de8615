// Sequences that never end: steps on a sliding window have the bits of one pass over the whole sequence, in memory that
// does not grow.
// group: generation
#include <gtest/gtest.h>

#include <cmath>

#include "residual/decode/beam_search.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/model/plan.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/decoding_life.hpp"
#include "support/endless_models.hpp"
#include "support/expect_sentence.hpp"
#include "support/heap_count.hpp"

namespace {

using namespace test_support;
using test_support::Random;

/// Steps of 0 to 4 tokens a sequence until the first is 20 windows long, with sequences dropped and forked in between.
template <class M>
void expect_endless_life(const M& model, Index window, Random& random) {
  const Index end = 20 * window;
  for (const bool masks : {false, true}) {
    for (const Index sequences : {1, 3}) {
      Life<M> life(model, random, Endless{.sequences = sequences, .step = 4}, end + 4,
                   std::vector<Index>(std::size_t(sequences), 5), masks);
      life.start(sequences);
      while (life.length(0) < end) {
        std::vector<Index> lengths, from;
        for (Index i = 0; i < sequences; ++i) {
          lengths.push_back(std::min(random.integer(i == 0 ? 1 : 0, 4), end + 4 - life.length(i)));
        }
        life.step(lengths);
        if (!random.chance(0.1)) continue;
        for (Index i = 0; i < sequences; ++i) from.push_back(random.integer(0, sequences - 1));
        life.reorder(from);
      }
      life.expect_full_pass();
    }
  }
}

TEST(EndlessDecoding, HasTheBitsOfOnePass) {
  Random random(1);
  for (const Index window : {1, 5, 30}) {
    SCOPED_TRACE(window);
    expect_endless_life(encoder(PreLN<float>(8), sizes_with(window)), window, random);
    expect_endless_life(encoder(PreLN<double>(8), sizes_with(window)), window, random);
    expect_endless_life(words<float>(window), window, random);
  }
}
TEST(EndlessDecoding, WithCrossAttentionHasTheBitsOfOnePass) {
  Random random(2);
  const auto blocks = decoder(PreLN<float>(8), sizes_with(7));
  expect_endless_life(blocks, 7, random);
  expect_endless_life(encoder_decoder(encoder(PreLN<float>(8), sizes_with(3)), blocks), 7, random);
}
/// Steps of no, one or two chunks.
TEST(EndlessDecoding, InChunksHasTheBitsOfOnePass) {
  constexpr Index chunk = 4;
  Random random(5);
  for (const Index window : {1, 4, 30}) {
    Sizes sizes = sizes_with(window);
    sizes.causal = false, sizes.chunk = chunk;
    const auto model = encoder(PreLN<float>(8), sizes);
    Life life(model, random, Endless{.sequences = 2, .step = 2 * chunk}, 40 * 2 * chunk, {1, 1}, false);
    life.start(2);
    for (int i = 0; i < 40; ++i) {
      life.step({chunk * random.integer(1, 2), chunk * random.integer(0, 2)});
      if (i % 10 == 9) life.reorder({random.integer(0, 1), random.integer(0, 1)});
    }
    life.expect_full_pass();
  }
}
/// The window is wider than a tile of keys, and a step has more tokens than a tile of queries.
TEST(EndlessDecoding, HasTheBitsOfOnePassOverManyTiles) {
  constexpr Index window = Attention<float>::key_block + 44, step = Attention<float>::query_block + 5;
  Random random(3);
  const auto model = encoder(PreLN<float>(8), sizes_with(window));
  Life life(model, random, Endless{.sequences = 2, .step = step}, 20 * step, {1, 1}, false);
  life.start(2);
  for (int i = 0; i < 20; ++i) life.step({random.integer(1, step), random.integer(0, step)});
  life.expect_full_pass();
}

/// Steps of a decoding with what may change no bit: threads, a plan.
template <class Weights, class M>
Tokens<float> stream(const M& model, const Weights& weights, In<float> x, const Executor& executor) {
  Decoding decoding(model, weights, Endless{.sequences = 1, .step = 2}, executor);
  decoding.start(1);
  Tokens<float> y(x.rows(), x.cols());
  for (Index i = 0; i < x.rows(); i += 2) y.middleRows(i, 2) = decoding.step(Batch::of({2}), x.rows_from(i, 2));
  return y;
}
TEST(EndlessDecoding, HasTheSameBitsFromAPlanAndOnManyThreads) {
  const auto model = encoder(ResiDual<float>(64), sizes_with(6, 64));
  Parameters theta(model);
  randomise(theta, 1);
  const Plan plan(theta);
  const Threads three(3);
  const Tokens<float> x = random_tokens<float>(120, 64, 2);
  Tape tape(model);
  const In<float> y = forward(model, theta, tape, Batch::of({120}), x);
  EXPECT_TRUE(same_bits(stream(model, theta, x, Serial::instance()), y));
  EXPECT_TRUE(same_bits(stream(model, theta, x, three), y));
  EXPECT_TRUE(same_bits(stream(model, plan, x, Serial::instance()), y));
  EXPECT_TRUE(same_bits(stream(model, plan, x, three), y));
}

/// What is not a number is forgotten when no block sees it any more, and never seen where it is hidden.
TEST(EndlessDecoding, ForgetsInfinity) {
  constexpr Index window = 5, n = 200, bad = 90;
  const auto model = encoder(PreLN<float>(8), sizes_with(window));
  Parameters theta(model);
  randomise(theta, 1);
  Tokens<float> x = random_tokens<float>(n, 8, 2);
  x.row(bad).setConstant(std::numeric_limits<float>::infinity());
  for (const bool hides : {false, true}) {
    std::vector<std::uint8_t> hidden(std::size_t(n), 0);
    hidden[std::size_t(bad)] = hides;
    Tape tape(model);
    const In<float> whole = forward(model, theta, tape, Batch::of({n}).hiding(hidden), x);
    Decoding decoding(model, theta, Endless{.sequences = 1, .step = 1});
    decoding.start(1);
    for (Index i = 0; i < n; ++i) {
      const std::uint8_t is_hidden = hidden[std::size_t(i)];
      const In<float> y = decoding.step(Batch::of({1}).hiding({&is_hidden, 1}), x.middleRows(i, 1));
      const bool seen = i == bad || (!hides && i > bad && i <= bad + 2 * (window - 1));
      ASSERT_EQ(y.allFinite(), !seen) << i;
      ASSERT_TRUE(seen || same_bits(y, whole.row(i))) << i;
    }
  }
}

/// Far positions turn by the angles of long double, in heads wider than what is computed at once, too.
TEST(EndlessDecoding, TurnsByTheRightAnglesAfterAMillionTokens) {
  constexpr Index width = 300, half = width / 2;
  const std::vector<Index> positions{1'234'567};
  const Batch one = Batch::of({1});
  Workspace<float> workspace;
  const Pass<float> pass{.batch = one, .workspace = workspace, .positions = positions};
  for (const auto layout : {RotaryLayout::half, RotaryLayout::interleaved}) {
    const Rotary<float> rotary(width, {.layout = layout, .longest = 8});
    const bool halves = layout == RotaryLayout::half;
    const auto first_of = [&](Index pair) { return halves ? pair : 2 * pair; };
    const auto second_of = [&](Index pair) { return halves ? pair + half : 2 * pair + 1; };
    Tokens<float> q = Tokens<float>::Zero(1, width), k = q, v = q;
    for (Index i = 0; i < half; ++i) q(0, first_of(i)) = 1;
    Rotary<float>::Tape tape;
    rotary.forward({}, tape, pass, {1, 1, width}, {q, k, v});
    for (Index i = 0; i < half; ++i) {
      const auto frequency = std::pow(10000.0L, -2 * static_cast<long double>(i) / width);
      const auto angle = static_cast<long double>(positions[0]) * frequency;
      EXPECT_NEAR(q(0, first_of(i)), double(std::cos(angle)), 1e-6) << i;
      EXPECT_NEAR(q(0, second_of(i)), double(std::sin(angle)), 1e-6) << i;
    }
  }
}

TEST(EndlessDecoding, DoesNotAllocate) {
  const auto model = words<float>(5);
  Parameters theta(model);
  randomise(theta, 1);
  Decoding decoding(model, theta, Endless{.sequences = 3, .step = 2});
  decoding.start(3);
  const std::vector<int> tokens{1, 2, 3};
  const std::vector<Index> same{0, 1, 2}, crossed{2, 2, 0};
  decoding.step(tokens);
  EXPECT_EQ(allocations([&] {
              for (int step = 0; step < 500; ++step) {
                decoding.step(tokens);
                decoding.reorder(step % 3 == 0 ? crossed : same);
              }
            }),
            0);
}
/// Twice the window, what lies in its packs, and a step.
TEST(EndlessDecoding, KeepsTheWindowAlone) {
  constexpr Index window = 50, step = 4;
  const Index look_back = encoder(PreLN<float>(8), sizes_with(window)).look_back();
  EXPECT_EQ(look_back, window - 1 + row_period<float> - 1);
  CachedSequences sequences({.sequences = 2, .step = step}, look_back);
  const Index rows = sequences.rows();
  EXPECT_EQ(rows, 2 * 2 * (look_back + step));
  sequences.start(Batch::of({0, 0}));
  const Batch batch = Batch::of({3, step});
  for (Index length = 0; length < 1000; length += 3) {
    const auto keys = sequences.context(batch).tokens;
    for (Index i = 0; i < 2; ++i) {
      const Index total = keys.length(i), first = std::max<Index>(total - batch.length(i) - look_back, 0);
      ASSERT_GE(keys.begin(i) + first, i * rows / 2);
      ASSERT_LE(keys.begin(i) + total, (i + 1) * rows / 2);
    }
    sequences.grow(batch);
  }
  EXPECT_EQ(sequences.rows(), rows);
}

/// A stack whose cache finds no memory for a copy when its `chances` are used up.
struct NoCopies : Encoder<PreLN<float>> {
  inline static constexpr Index unlimited = std::numeric_limits<Index>::max();
  inline static Index chances = unlimited;
  struct Cache : Encoder<PreLN<float>>::Cache {
    void carve(Carver<float>& c, const NoCopies& model, const CacheRows& rows) {
      Encoder<PreLN<float>>::Cache::carve(c, model, rows);
    }
    void copy(Index from, Index to, Index count) {
      if (chances-- <= 0) throw std::bad_alloc();
      Encoder<PreLN<float>>::Cache::copy(from, to, count);
    }
  };
};

/// Before every step another one fails half way, at each of its calls in turn; it would have overwritten the oldest tokens.
TEST(EndlessDecoding, MakesAStepThatFailsAgain) {
  constexpr Index window = 3, dim = 128, step = 160, n = 20 * step;
  const NoCopies model{encoder(PreLN<float>(dim), sizes_with(window, dim))};
  Parameters theta(model);
  randomise(theta, 1);
  Closing pool(2);
  const Tokens<float> x = random_tokens<float>(n, dim, 2), wrong = random_tokens<float>(step, dim, 3);
  const Batch all = Batch::of({step}).hiding(std::vector<std::uint8_t>(std::size_t(step), 1));
  Decoding decoding(model, theta, Endless{.sequences = 1, .step = step}, pool);
  decoding.start(1);
  Tokens<float> y(n, dim);
  Random random(4);
  Index failures = 0, copies = 0;
  for (Index first = 0, calls = 0; first < n; ++calls) {
    NoCopies::chances = calls % 3 == 0 ? 0 : NoCopies::unlimited;
    pool.close_after(calls % 3 == 0 ? NoCopies::unlimited : calls % 5);
    const Index length = decoding.length(0);
    try {
      decoding.step(all, wrong);
      FAIL() << "step " << calls << " did not fail";
    } catch (const std::runtime_error&) {
      ++failures;
    } catch (const std::bad_alloc&) {
      ++copies;
    }
    NoCopies::chances = NoCopies::unlimited;
    pool.close_after(NoCopies::unlimited);
    ASSERT_EQ(decoding.length(0), length);
    const Index count = std::min(random.integer(1, step), n - first);
    y.middleRows(first, count) = decoding.step(Batch::of({count}), x.middleRows(first, count));
    first += count;
  }
  EXPECT_GT(failures, 20);
  EXPECT_GT(copies, 10);
  Tape tape(model);
  EXPECT_TRUE(same_bits(y, forward(model, theta, tape, Batch::of({n}), x)));
}

TEST(EndlessDecoding, GeneratesAndSearches) {
  const auto model = words<float>(5);
  Parameters theta(model);
  randomise(theta, 1);
  Decoding endless(model, theta, Endless{.sequences = 6, .step = 3});
  Decoding whole(model, theta, {.sequences = 6, .longest = 400});
  const std::vector<std::vector<int>> prompts{{1, 2, 3}, {4}};
  for (auto* decoding : {&endless, &whole}) decoding->start(2);
  EXPECT_EQ(greedy(endless, prompts, {.tokens = 300}), greedy(whole, prompts, {.tokens = 300}));
  for (auto* decoding : {&endless, &whole}) decoding->start(2);
  const auto found = beam_search(endless, prompts, {.tokens = 200}, {.width = 3}),
             expected = beam_search(whole, prompts, {.tokens = 200}, {.width = 3});
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(found[i].size(), expected[i].size());
    for (std::size_t k = 0; k < found[i].size(); ++k) EXPECT_EQ(found[i][k].tokens, expected[i][k].tokens);
  }
  endless.start(1);
  expect_sentence([&] { greedy(endless, {{1, 2, 3, 4}}, {.tokens = 5}); }, {"adds 4 tokens", "up to 3", "`step`"});
}

}  // namespace
