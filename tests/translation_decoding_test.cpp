// Decoding of the token-level encoder-decoder: steps against full passes, beams against every text there is.
// group: models
#include <gtest/gtest.h>

#include "residual/decode/beam_search.hpp"
#include "residual/decode/decoding.hpp"
#include "residual/decode/sampling.hpp"
#include "residual/model/tape.hpp"
#include "support/plain_beam_search.hpp"
#include "support/same_bits.hpp"
#include "support/translator.hpp"

namespace {

using namespace test_support;
using test_support::Random;

/// A model with random weights, and two sources of which one has a hidden token.
struct Translation {
  using M = decltype(translator<float>({}));
  M model;
  Parameters<M> theta;
  std::vector<int> source;
  Batch batch;

  Translation(std::uint64_t seed, const Kind& kind) : model(translator<float>(kind)), theta(model) {
    Random random(seed);
    randomise(theta, random.bits());
    theta.flat() *= 2.0f;
    source = random_words(random, 5, model.ends.source_embedding().vocabulary);
    const std::vector<std::uint8_t> hidden = {0, 1, 0, 0, 0};
    batch = Batch::of({3, 2}).hiding(hidden);
  }
  /// The logits of all tokens of a text that translates source i.
  Tokens<float> full(Index i, const std::vector<int>& text) {
    Tape tape(model, Keep::nothing);
    const std::vector<int> own(source.begin() + batch.begin(i), source.begin() + batch.begin(i + 1));
    const std::vector<std::uint8_t> hidden(batch.hidden(i), batch.hidden(i) + batch.length(i));
    return forward(model, theta, tape,
                   {.batch = Batch::of({Index(text.size())}),
                    .tokens = text,
                    .src_batch = Batch::of({Index(own.size())}).hiding(hidden),
                    .src_tokens = own});
  }
};

TEST(TranslationDecoding, DecodesWithTheBitsOfAFullPass) {
  for (const Kind& kind : {Kind{}, Kind{.positions = Positions::learned, .shared = false, .tied = false}}) {
    Translation world(2, kind);
    Decoding decoding(world.model, world.theta, {.sequences = 3, .longest = 6});
    for (int again = 0; again < 2; ++again) {
      decoding.start({.batch = world.batch, .tokens = world.source});
      const std::vector<int> prompts = {1, 2, 0};
      Tokens<float> logits = decoding.step(Batch::of({2, 1}), prompts);
      EXPECT_TRUE(same_bits(logits.topRows(2), world.full(0, {1, 2})));
      EXPECT_TRUE(same_bits(logits.bottomRows(1), world.full(1, {0})));
      decoding.reorder({1, 0, 1});
      const std::vector<int> next = {3, 1, 2};
      logits = decoding.step(next);
      EXPECT_TRUE(same_bits(logits.row(0), world.full(1, {0, 3}).row(1)));
      EXPECT_TRUE(same_bits(logits.row(1), world.full(0, {1, 2, 1}).row(2)));
      EXPECT_TRUE(same_bits(logits.row(2), world.full(1, {0, 2}).row(1)));
    }
  }
}

/// As a table of logits, each of a full pass.
Table table_of(Translation& world, Index i) {
  return {.vocabulary = words, .instead = [&world, i](const Text& prefix) {
            const Row<float> last = world.full(i, prefix).bottomRows(1);
            return std::vector<float>(last.data(), last.data() + last.size());
          }};
}

TEST(TranslationDecoding, BeamsAreThePlainOnesAndWideOnesFindEveryText) {
  Translation world(3, {.shared = false});
  Decoding decoding(world.model, world.theta, {.sequences = 600, .longest = 6});
  const Limit limit{.tokens = 4, .end = 0};
  const std::vector<Text> prompts = {{1}, {2}};
  for (const Index beams : {1, 2, 3, 256}) {
    decoding.start({.batch = world.batch, .tokens = world.source});
    const auto found = beam_search(decoding, prompts, limit, {.width = beams});
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const Table table = table_of(world, Index(i));
      const auto expected = beams == 256 ? all_texts(table, prompts[i], limit, 0.6)
                                         : plain_beam_search(table, prompts[i], limit, std::size_t(beams), 0.6);
      ASSERT_EQ(found[i].size(), expected.size()) << "width " << beams;
      for (std::size_t k = 0; k < expected.size(); ++k) {
        ASSERT_EQ(found[i][k].tokens, expected[k].tokens) << "width " << beams << ", text " << k;
        ASSERT_NEAR(found[i][k].log_probability, expected[k].log_p, 1e-9);
      }
    }
  }
}

TEST(TranslationDecoding, GreedyAndSamplesStartFromTheSource) {
  Translation world(4, {});
  Decoding decoding(world.model, world.theta, {.sequences = 2, .longest = 6});
  const auto source = [&] { decoding.start({.batch = world.batch, .tokens = world.source}); };
  source();
  const auto texts = greedy(decoding, {{1}, {1}}, {.tokens = 3});
  for (Index i = 0; i < 2; ++i) {
    Text text = {1};
    for (const int token : texts[std::size_t(i)]) {
      const Tokens<float> logits = world.full(i, text);
      EXPECT_EQ(token, most_likely(std::span<const float>(logits.data() + logits.size() - words, words)));
      text.push_back(token);
    }
  }
  source();
  const auto one = sample(decoding, {{1}, {2}}, {.tokens = 4}, {.seed = 1});
  source();
  EXPECT_EQ(one, sample(decoding, {{1}, {2}}, {.tokens = 4}, {.seed = 1}));
}

}  // namespace
