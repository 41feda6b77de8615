// Steps of decoding have the bits of the full pass, whatever is cut, skipped, dropped or forked on the way.
// group: slow_laws
// labels: slow
#include <gtest/gtest.h>

#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "support/decoding_life.hpp"
#include "support/every_scalar.hpp"
#include "support/expect_sentence.hpp"
#include "support/heap_count.hpp"
#include "support/schemes.hpp"

namespace {

using namespace test_support;
using test_support::Random;

/// Tokens of the longest sequence.
template <class S>
constexpr Index long_life = 2 * Attention<S>::key_block + Attention<S>::query_block;

/// Steps of 0 to 5 tokens a sequence, with sequences dropped and forked in between; twice, on the same memory.
template <class M>
void expect_any_life(const M& model, Random& random) {
  for (const bool masks : {false, true}) {
    Life<M> life(model, random, Capacity{.sequences = 5, .longest = 24}, 24, {3, 7, 1}, masks);
    for (int again = 0; again < 2; ++again) {
      life.start(3);
      for (int count = 0; count < 12 && life.sequences() > 0; ++count) {
        std::vector<Index> lengths, from;
        for (Index i = 0; i < life.sequences(); ++i) lengths.push_back(std::min(random.integer(0, 5), life.room(i)));
        life.step(lengths);
        if (random.chance(0.6)) continue;
        life.expect_full_pass();
        for (Index i = random.integer(1, 5); i > 0; --i) from.push_back(random.integer(0, life.sequences() - 1));
        life.reorder(from);
      }
      life.expect_full_pass();
    }
  }
}

/// Longer than a tile of attention, whose borders fall between steps and into them.
template <class M>
void expect_long_life(const M& model, Random& random) {
  constexpr Index queries = Attention<typename M::Scalar>::query_block, keys = Attention<typename M::Scalar>::key_block;
  constexpr Index longest = long_life<typename M::Scalar>;
  Life<M> life(model, random, Capacity{.sequences = 2, .longest = longest}, longest, {keys - 1, keys + 2}, false);
  life.start(2);
  life.step({keys - 2, 3});
  for (int i = 0; i < 4; ++i) life.step({1, i});
  life.step({queries + 20, queries - 7});
  for (int i = 0; i < 3; ++i) life.step({0, 1});
  life.step({life.room(0), keys + 5});
  life.expect_full_pass();
}

Sizes sizes_of(Random& random, Index dim) {
  return {.dim = dim,
          .heads = random.one_of<Index>({1, 2, 4}),
          .hidden = random.integer(1, 20),
          .depth = random.integer(1, 3),
          .activation = random.one_of({Activation::relu, Activation::silu}),
          .bias = random.chance(0.5),
          .causal = true};
}

template <class S>
auto language(const AnyScheme<S>& scheme, Random& random, Index longest) {
  const Positions positions = random.one_of({Positions::none, Positions::learned, Positions::sinusoidal});
  return language_model(scheme, sizes_of(random, 8), Embedding<S>(vocabulary, 8, longest, positions));
}
template <class S>
auto translation(const AnyScheme<S>& scheme, Random& random) {
  auto for_source = sizes_of(random, 8);
  for_source.causal = random.chance(0.5);
  return encoder_decoder(encoder(scheme, for_source), decoder(scheme, sizes_of(random, 8)));
}

template <class W>
class EverySchemeDecodes : public testing::Test {};
TYPED_TEST_SUITE(EverySchemeDecodes, EveryScalar);

TYPED_TEST(EverySchemeDecodes, InALanguageModelWithTheBitsOfTheFullPass) {
  for (const auto& scheme : every_scheme<TypeParam>()) {
    SCOPED_TRACE(scheme.name);
    Random random(1);
    for (int i = 0; i < 6; ++i) expect_any_life(language(scheme.plain(8), random, 24), random);
    expect_long_life(language(scheme.plain(8), random, long_life<TypeParam>), random);
  }
}
TYPED_TEST(EverySchemeDecodes, InAnEncoderDecoderWithTheBitsOfTheFullPass) {
  for (const auto& scheme : every_scheme<TypeParam>()) {
    SCOPED_TRACE(scheme.name);
    Random random(2);
    for (int i = 0; i < 6; ++i) expect_any_life(translation(scheme.plain(8), random), random);
    expect_long_life(translation(scheme.plain(8), random), random);
  }
}
TEST(Decoding, StacksHaveTheBitsOfTheFullPass) {
  Random random(3);
  expect_any_life(encoder(PostLN<double>(8), sizes_of(random, 8)), random);
  expect_any_life(decoder(PostLN<double>(8), sizes_of(random, 8)), random);
}

TEST(Decoding, StepsDoNotAllocate) {
  using Scheme = ResiDual<float>;
  const Sizes sizes{.dim = 64, .heads = 4, .hidden = 100, .depth = 2, .causal = true};
  const auto model = encoder_decoder(encoder(Scheme(64), sizes), decoder(Scheme(64), sizes));
  Parameters theta(model);
  randomise(theta, 1);
  const Tokens<float> source = random_tokens<float>(9, 64, 2), x = random_tokens<float>(3, 64, 3);
  Decoding decoding(model, theta, {.sequences = 3, .longest = 40});
  decoding.start({.batch = Batch::of({4, 3, 2}), .src = source});
  const std::vector<Index> same{0, 1, 2}, crossed{2, 2, 0};
  decoding.step(x);
  for (int step = 0; step < 20; ++step) {
    EXPECT_EQ(allocations([&] { decoding.step(x); }), 0) << "step " << step;
    EXPECT_EQ(allocations([&] { decoding.reorder(step % 2 == 0 ? same : crossed); }), 0) << "reorder " << step;
  }
}

/// A small model and a decoding of it, for what a decoding refuses.
struct Refusal : testing::Test {
  using Model = LanguageModel<Encoder<PreLN<float>>>;
  Model model = language_model(PreLN<float>(4), {.dim = 4, .heads = 2, .hidden = 4, .depth = 1},
                               Embedding<float>(vocabulary, 4, /*longest*/ 8));
  Parameters<Model> theta{model};
  Decoding<Model> decoding{model, theta, {.sequences = 2, .longest = 8}};
  std::vector<int> tokens{1, 2, 3};
};

TEST_F(Refusal, OfACapacityThatHoldsNothing) {
  expect_sentence([&] { Decoding(model, theta, {.sequences = 0, .longest = 8}); }, {"capacity", "0 sequences"});
  expect_sentence([&] { Decoding(model, theta, {.sequences = 1, .longest = 0}); }, {"capacity", "0 tokens"});
}
TEST_F(Refusal, OfACapacityThatCannotBe) {
  constexpr Index most = std::numeric_limits<Index>::max(), half = Index(1) << 32;
  Sizes sizes{.dim = 64, .heads = 4, .hidden = 4, .depth = 0, .causal = true};
  const auto empty = encoder(PreLN<float>(64), sizes);
  sizes.depth = 2;
  const auto blocks = encoder(PreLN<float>(64), sizes);
  const Parameters no_weights(empty), weights(blocks);
  for (const auto& [sequences, longest] : {std::pair(half, half), {most, 1}, {1, most}, {most, most}, {most / 8, 2}}) {
    const Capacity capacity{.sequences = sequences, .longest = longest};
    expect_sentence([&] { Decoding(blocks, weights, capacity); }, {"capacity", "ask for fewer"});
    expect_sentence([&] { Decoding(empty, no_weights, capacity); }, {"capacity", "ask for fewer"});
  }
  constexpr Index many = Index(1) << 53;  // of 1024 bytes each
  expect_sentence([&] { Decoding(blocks, weights, {.sequences = many, .longest = 1}); }, {"capacity", "ask for fewer"});
}
TEST_F(Refusal, OfACapacityBeyondThePositions) {
  expect_sentence([&] { Decoding(model, theta, {.sequences = 1, .longest = 9}); },
                  {"capacity is 9", "positions for 8", "larger `longest`"});
  const auto anywhere = language_model(PreLN<float>(4), {.dim = 4, .heads = 2, .hidden = 4, .depth = 1},
                                       Embedding<float>(vocabulary, 4, 8, Positions::none));
  const Parameters weights(anywhere);
  EXPECT_NO_THROW(Decoding(anywhere, weights, {.sequences = 1, .longest = 9}));
}
TEST_F(Refusal, OfParametersOfAnotherModel) {
  const auto other = language_model(PreLN<float>(4), {.dim = 4, .heads = 2, .hidden = 5, .depth = 1},
                                    Embedding<float>(vocabulary, 4, 8));
  expect_sentence([&] { Decoding(other, theta, {.sequences = 1, .longest = 8}); }, {"parameters", "another shape"});
  decoding.start(2);
  theta = Parameters(other);
  expect_sentence([&] { decoding.step(std::vector<int>{1, 2}); }, {"parameters", "another shape"});
}
TEST_F(Refusal, OfSelfAttentionThatIsNotCausal) {
  const auto blocks = encoder(PreLN<float>(4), {.dim = 4, .heads = 2, .hidden = 4, .depth = 1});
  const Parameters weights(blocks);
  expect_sentence([&] { Decoding(blocks, weights, {.sequences = 1, .longest = 8}); }, {"not causal", ".causal = true"});
}
TEST_F(Refusal, OfTooManySequences) {
  expect_sentence([&] { decoding.start(3); }, {"no room for 3 sequences", "larger `sequences`"});
  decoding.start(2);
  expect_sentence([&] { decoding.reorder({0, 1, 1}); }, {"no room for 3 sequences"});
  expect_sentence([&] { decoding.reorder({0, 2}); }, {"from[1] is 2", "2 sequences"});
  expect_sentence([&] { decoding.reorder({-1}); }, {"from[0] is -1"});
}
TEST_F(Refusal, OfAStepThatDoesNotFit) {
  expect_sentence([&] { decoding.step(Batch::of({3}), tokens); }, {"no sequence was started", "start(1)"});
  expect_sentence([&] { decoding.step(tokens); }, {"no sequence was started", "start(3)"});
  EXPECT_EQ(decoding.step(std::vector<int>()).rows(), 0);
  decoding.start(2);
  expect_sentence([&] { decoding.step(tokens); }, {"tokens has 3 entries", "2 tokens"});
  expect_sentence([&] { decoding.step({.batch = Batch::of({3, 0}), .tokens = tokens, .seed = 1}); }, {"no seed"});
  const Tokens<float> mask = Tokens<float>::Zero(3, 3);
  decoding.step(Batch::of({3, 0}), tokens);
  expect_sentence(
      [&] {
        decoding.step({.batch = Batch::of({2, 1}), .tokens = tokens, .attn_mask = mask});
      },
      {"attn_mask is [3 x 3]", "5 queries"});
  decoding.step(Batch::of({3, 0}), tokens);
  expect_sentence([&] { decoding.step(Batch::of({3, 0}), tokens); }, {"sequence 0 has 6", "adds 3", "room for 8"});
  EXPECT_EQ(decoding.length(0), 6);
  EXPECT_EQ(decoding.length(1), 0);
}
TEST_F(Refusal, ChangesNothing) {
  randomise(theta, 1);
  decoding.start(1);
  decoding.step(Batch::of({3}), tokens);
  const std::vector<int> word{5}, foreign{int(vocabulary)};
  expect_sentence([&] { decoding.step(foreign); }, {"tokens[0] is 11", "vocabulary"});
  Tape tape(model);
  tokens.push_back(5);
  EXPECT_TRUE(same_bits(decoding.step(word), forward(model, theta, tape, Batch::of({4}), tokens).bottomRows(1)));
}
TEST_F(Refusal, OfASourceThatDoesNotFit) {
  const Sizes sizes{.dim = 4, .heads = 2, .hidden = 4, .depth = 1, .causal = true};
  const auto blocks = decoder(PreLN<float>(4), sizes);
  const auto both = encoder_decoder(encoder(PreLN<float>(4), sizes), blocks);
  const Parameters weights(blocks);
  const Parameters all_weights(both);
  Decoding of_decoder(blocks, weights, {.sequences = 2, .longest = 8});
  Decoding of_both(both, all_weights, {.sequences = 2, .longest = 8});
  const Tokens<float> m = Tokens<float>::Zero(3, 4), narrow = m.leftCols(2), x = m.topRows(1);
  expect_sentence([&] { of_decoder.start({Batch::of({3}), narrow}); }, {"memory is [3 x 2]"});
  expect_sentence([&] { of_decoder.start({Batch::of({1, 1, 1}), m}); }, {"no room for 3 sequences"});
  expect_sentence([&] { of_both.start({Batch::of({2}), m}); }, {"src is [3 x 4]"});
  of_decoder.start({Batch::of({3}), m});
  of_both.start({Batch::of({3}), m});
  expect_sentence([&] { of_decoder.step(Batch::of({1}), x, Batch::of({3}), m); }, {"memory", "start"});
  expect_sentence([&] { of_both.step(Batch::of({1}), x, Batch::of({3}), m); }, {"source", "start"});
  expect_sentence([&] { of_decoder.step(narrow); }, {"x is [3 x 2]"});
}

}  // namespace
