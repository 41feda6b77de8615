// Texts from models: greedy, drawn and searched ones, against full passes, exhaustive search and probabilities.
// group: generation
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <set>

#include "residual/decode/beam_search.hpp"
#include "residual/decode/sampling.hpp"
#include "residual/decode/token_decoding.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "support/expect_sentence.hpp"
#include "support/language.hpp"
#include "support/random.hpp"

namespace {

using namespace test_support;
using test_support::Random;

/// Without a cache: the whole text again for every token.
Text greedy_by_full_passes(Language& language, Text text, const Limit& limit) {
  Text added;
  while (Index(added.size()) < limit.tokens && (added.empty() || added.back() != limit.end)) {
    Index token;
    language.next_logits(text).maxCoeff(&token);
    added.push_back(int(token));
    text.push_back(int(token));
  }
  return added;
}

/// Three prompts of different lengths.
const std::vector<Text> prompts{{1, 2, 3, 4}, {5}, {6, 0}};

TEST(Greedy, TakesTheLargestLogitOfTheFullPass) {
  std::set<std::size_t> lengths;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    Language language(seed, 9, 3);
    const Limit limit{.tokens = 20, .end = int(seed)};
    language.decoding.start(3);
    const auto texts = greedy(language.decoding, prompts, limit);
    ASSERT_EQ(texts.size(), prompts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(texts[i], greedy_by_full_passes(language, prompts[i], limit)) << "seed " << seed << ", prompt " << i;
      lengths.insert(texts[i].size());
    }
  }
  EXPECT_GT(lengths.size(), 3u) << "texts should end at different places, or the test says little";
}

TEST(Greedy, GoesOnWhereItStopped) {
  Language language(3, 9);
  const Text whole = greedy(language.decoding, {{1, 2}}, {.tokens = 12})[0];
  language.decoding.start(1);
  Text parts = greedy(language.decoding, {{1, 2}}, {.tokens = 5})[0];
  const Text rest = greedy(language.decoding, {{parts.back()}}, {.tokens = 7})[0];
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_EQ(parts, whole);
}

/// The vocabulary is a table of an encoder-decoder's user.
TEST(Greedy, WorksWithAnEmbeddingOfTheUser) {
  Random random(1);
  const auto model = encoder_decoder(encoder(PreLN<double>(6), {.dim = 6, .heads = 2, .hidden = 5, .depth = 1}),
                                     decoder(PreLN<double>(6), language_sizes));
  Parameters theta(model);
  randomise(theta, 2);
  const Tokens<double> table = random.tokens(9, 6), places = random.tokens(20, 6), source = random.tokens(7, 6);
  const Batch source_batch = Batch::of({4, 1, 2});
  Decoding vectors(model, theta, {.sequences = 3, .longest = 20});
  TokenDecoding decoding(
      vectors, 9, [&](int token, Index place, Out<double> x) { x = table.row(token) + places.row(place); },
      [&](In<double> y, Out<double> logits) { logits = y * table.transpose(); });
  vectors.start({.batch = source_batch, .src = source});
  const Limit limit{.tokens = 15};
  const auto texts = greedy(decoding, prompts, limit);
  Tape tape(model, Keep::nothing);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Text all = prompts[i];
    const Index s = Index(i), n = source_batch.length(s);
    for (const int token : texts[i]) {
      const Tokens<double> x = table(all, Eigen::all) + places.topRows(Index(all.size()));
      const In<double> y = forward(model, theta, tape, Batch::of({x.rows()}), x, Batch::of({n}),
                                   source.middleRows(source_batch.begin(s), n));
      Index best;
      (y.bottomRows(1) * table.transpose()).row(0).maxCoeff(&best);
      ASSERT_EQ(token, best) << "prompt " << i << ", place " << all.size();
      all.push_back(token);
    }
  }
}

/// Every text that a limit allows.
std::vector<Text> all_texts(int words, const Limit& limit, const Text& begin = {}) {
  if (!begin.empty() && (begin.back() == limit.end || Index(begin.size()) == limit.tokens)) return {begin};
  std::vector<Text> texts;
  for (int token = 0; token < words; ++token) {
    Text longer = begin;
    longer.push_back(token);
    for (const auto& text : all_texts(words, limit, longer)) texts.push_back(text);
  }
  return texts;
}

TEST(BeamSearch, OfFullWidthFindsEveryTextInOrder) {
  for (const double alpha : {0.0, 0.6, 2.0}) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      const Limit limit{.tokens = 4, .end = 2};
      const auto texts = all_texts(3, limit);
      Language language(seed, 3, Index(texts.size()));
      const auto found =
          beam_search(language.decoding, {{1, 0}}, limit, {.width = Index(texts.size()), .length_penalty = alpha})[0];
      std::map<Text, double> scores;
      for (const auto& text : texts) {
        scores[text] = language.log_probability({1, 0}, text) / std::pow((5.0 + double(text.size())) / 6, alpha);
      }
      ASSERT_EQ(found.size(), texts.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_TRUE(scores.contains(found[i].tokens));
        EXPECT_NEAR(found[i].score, scores[found[i].tokens], 1e-12);
        scores.erase(found[i].tokens);
        EXPECT_LE(found[i].score, found[i == 0 ? 0 : i - 1].score);
      }
      double total = 0;
      for (const auto& h : found) total += std::exp(h.log_probability);
      EXPECT_NEAR(total, 1, 1e-12);
    }
  }
}

TEST(BeamSearch, OfWidthOneIsGreedy) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    Language language(seed, 9, 3);
    const Limit limit{.tokens = 15, .end = int(seed)};
    language.decoding.start(3);
    const auto texts = greedy(language.decoding, prompts, limit);
    language.decoding.start(3);
    const auto found = beam_search(language.decoding, prompts, limit, {.width = 1});
    ASSERT_EQ(found.size(), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      ASSERT_EQ(found[i].size(), 1u);
      EXPECT_EQ(found[i][0].tokens, texts[i]);
      EXPECT_NEAR(found[i][0].log_probability, language.log_probability(prompts[i], texts[i]), 1e-12);
    }
  }
}

/// A wider search finds better texts than greedy: else it would be of no use, and this test of no meaning.
TEST(BeamSearch, FindsBetterTextsAndTreatsEachPromptAsIfAlone) {
  int better = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    Language language(seed, 9, 12);
    const Limit limit{.tokens = 8, .end = 4};
    const Beams beams{.width = 4, .length_penalty = 0};
    language.decoding.start(3);
    const auto together = beam_search(language.decoding, prompts, limit, beams);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      language.decoding.start(1);
      const auto alone = beam_search(language.decoding, {prompts[i]}, limit, beams)[0];
      ASSERT_EQ(alone.size(), 4u);
      ASSERT_EQ(together[i].size(), 4u);
      for (std::size_t k = 0; k < alone.size(); ++k) {
        EXPECT_EQ(alone[k].tokens, together[i][k].tokens);
        EXPECT_EQ(alone[k].score, together[i][k].score);
      }
      language.decoding.start(1);
      const Text greedy_text = greedy(language.decoding, {prompts[i]}, limit)[0];
      better += alone[0].score > language.log_probability(prompts[i], greedy_text) + 1e-9;
    }
  }
  EXPECT_GE(better, 5);
}

constexpr double endless = std::numeric_limits<double>::infinity();
const std::vector<double> logits{0.3, -endless, 1.1, -0.4, std::numeric_limits<double>::quiet_NaN(), 0.9, 2.0, 1.1};

/// How often `draws` draws gave each token, over sequences and places.
std::vector<double> frequencies(const Sampling& sampling, Index draws) {
  Sampler sampler(sampling);
  std::vector<double> counts(logits.size(), 0);
  for (Index i = 0; i < draws; ++i) ++counts[std::size_t(sampler(std::span<const double>(logits), i % 7, i / 7))];
  return counts;
}
/// Pearson's chi-square statistic of the counts for tokens `kept`, whose probabilities are as softmax(logits / T); all
/// other counts must be 0.
double chi_square(const std::vector<double>& counts, const std::vector<std::size_t>& kept, double temperature) {
  double total = 0, draws = 0, statistic = 0, elsewhere = 0;
  for (const auto k : kept) total += std::exp(logits[k] / temperature);
  for (const auto c : counts) elsewhere += c;
  for (const auto k : kept) draws += counts[k];
  EXPECT_EQ(draws, elsewhere) << "a token was drawn that is not kept";
  for (const auto k : kept) {
    const double expected = draws * std::exp(logits[k] / temperature) / total;
    statistic += (counts[k] - expected) * (counts[k] - expected) / expected;
  }
  return statistic;
}

// The limits are exceeded once in 10,000 seeds, for 5, 2, 3 and 1 degrees of freedom.
TEST(Sampler, DrawsWithTheProbabilitiesOfSoftmax) {
  for (const double temperature : {0.5, 1.0, 3.0}) {
    const auto counts = frequencies({.temperature = temperature, .seed = 5}, 40000);
    EXPECT_LT(chi_square(counts, {0, 2, 3, 5, 6, 7}, temperature), 25.8) << "temperature " << temperature;
    EXPECT_GT(chi_square(counts, {0, 2, 3, 5, 6, 7}, 1.2 * temperature), 25.8) << "too few draws to tell";
  }
}
TEST(Sampler, KeepsTheMostLikelyTokens) {
  EXPECT_LT(chi_square(frequencies({.top_k = 3, .seed = 1}, 20000), {2, 6, 7}, 1), 18.5);
  // Probabilities: .40 (token 6), .16 (2), .16 (7), .13 (5), .07 (0), .04 (3).
  EXPECT_LT(chi_square(frequencies({.top_p = 0.8, .seed = 2}, 20000), {2, 5, 6, 7}, 1), 21.2);
  EXPECT_LT(chi_square(frequencies({.temperature = 0.5, .top_k = 4, .top_p = 0.75, .seed = 3}, 20000), {2, 6}, 0.5),
            15.2);
}
TEST(Sampler, OfOneTokenIsGreedy) {
  Language language(4, 9);
  const Text expected = greedy(language.decoding, {{1}}, {.tokens = 20})[0];
  for (const Sampling& sampling : {Sampling{.temperature = 100, .top_k = 1}, Sampling{.top_p = 1e-9}}) {
    language.decoding.start(1);
    EXPECT_EQ(sample(language.decoding, {{1}}, {.tokens = 20}, sampling)[0], expected);
  }
}
TEST(Sampler, DrawsTheSameTextFromTheSameSeed) {
  Language language(4, 9, 2);
  const auto draw = [&](std::uint64_t seed, const std::vector<Text>& starts) {
    language.decoding.start(Index(starts.size()));
    return sample(language.decoding, starts, {.tokens = 25}, {.temperature = 2, .seed = seed});
  };
  const auto texts = draw(7, {{1}, {1}});
  EXPECT_EQ(draw(7, {{1}, {1}}), texts);
  EXPECT_EQ(draw(7, {{1}})[0], texts[0]);
  EXPECT_EQ(draw(7, {{1}, {2, 3, 4}})[0], texts[0]);
  EXPECT_NE(texts[0], texts[1]);
  EXPECT_NE(draw(8, {{1}})[0], texts[0]);
  EXPECT_NE(draw(7 + (std::uint64_t(1) << 32), {{1}})[0], texts[0]);
}
TEST(Sampler, TakesInfinity) {
  constexpr float most = std::numeric_limits<float>::infinity();
  const std::vector<float> certain{1, most, 3, most};
  Sampler sampler({.seed = 1});
  std::set<int> drawn;
  for (Index i = 0; i < 50; ++i) drawn.insert(sampler(std::span<const float>(certain), 0, i));
  EXPECT_EQ(drawn, (std::set<int>{1, 3}));
}

TEST(MostLikely, IsTheFirstOfTheLargest) {
  const std::vector<float> some{-1, 2, 0, 2}, none{-std::numeric_limits<float>::infinity(), std::nanf("")};
  EXPECT_EQ(most_likely(std::span<const float>(some)), 1);
  expect_sentence([&] { most_likely(std::span<const float>(none)); }, {"no logit of 2"});
}

TEST(Generation, RefusesWhatCannotBe) {
  Language language(1, 9, 2, /*longest*/ 8);
  auto& d = language.decoding;
  expect_sentence([&] { greedy(d, {{1}, {2}}, {.tokens = 3}); }, {"has 1 sequence,", "2 prompts"});
  expect_sentence([&] { greedy(d, {{}}, {.tokens = 3}); }, {"Prompt 0 is empty"});
  expect_sentence([&] { greedy(d, {{1}}, {.tokens = 0}); }, {"tokens is 0"});
  expect_sentence(
      [&] {
        greedy(d, {{1, 2}}, {.tokens = 8});
      },
      {"has 2 tokens and 8", "room for 8", "larger `longest`"});
  expect_sentence(
      [&] {
        greedy(d, {{1, 2}}, {.tokens = std::numeric_limits<Index>::max(), .end = 3});
      },
      {"room for 8"});
  expect_sentence([&] { greedy(d, {{9}}, {.tokens = 2}); }, {"tokens[0] is 9"});
  EXPECT_EQ(greedy(d, {{1, 2}}, {.tokens = 7})[0].size(), 7u);
  d.start(1);
  expect_sentence([&] { sample(d, {{1}}, {.tokens = 2}, {.temperature = 0}); }, {"temperature is 0", "greedy"});
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  expect_sentence([&] { sample(d, {{1}}, {.tokens = 2}, {.temperature = nan}); }, {"temperature is nan"});
  expect_sentence([&] { sample(d, {{1}}, {.tokens = 2}, {.temperature = endless}); }, {"temperature is inf"});
  expect_sentence([&] { sample(d, {{1}}, {.tokens = 2}, {.top_p = nan}); }, {"top_p is nan"});
  expect_sentence([&] { sample(d, {{1}}, {.tokens = 2}, {.top_k = -1}); }, {"top_k is -1"});
  expect_sentence([&] { sample(d, {{1}}, {.tokens = 2}, {.top_p = 0}); }, {"top_p is 0"});
  expect_sentence([&] { sample(d, {{1}}, {.tokens = 2}, {.top_p = 1.5}); }, {"top_p is 1.5"});
  expect_sentence([&] { beam_search(d, {{1}}, {.tokens = 2}, {.width = 0}); }, {"width is 0"});
  expect_sentence([&] { beam_search(d, {{1}}, {.tokens = 2}, {.width = 3}); }, {"no room for 3 sequences"});
  expect_sentence([&] { greedy(d, {{1}}, {.tokens = 2, .end = 9}); }, {"end is 9", "tokens 0 to 8"});
  expect_sentence([&] { beam_search(d, {{1}}, {.tokens = 2, .end = 9}, {.width = 1}); }, {"end is 9"});
  expect_sentence([&] { sample(d, {{1}}, {.tokens = 2, .end = -2}); }, {"end is -2", "-1 when none"});
  EXPECT_EQ(d.sequences(), 1);
  const Tokens<float> rows = Tokens<float>::Zero(3, 4);
  const Batch batch = Batch::of({2, 1, 0});
  EXPECT_EQ(next_logits<float>(rows, batch, 1).data(), rows.row(2).data());
  for (const Index i : {Index{-1}, Index{3}, std::numeric_limits<Index>::max()}) {
    expect_sentence([&] { next_logits<float>(rows, batch, i); }, {"Sequence " + std::to_string(i), "the batch has 3"});
  }
  expect_sentence([&] { next_logits<float>(rows, batch, 2); }, {"Sequence 2 has no token"});
  EXPECT_EQ(d.room(0), 8) << "refused before a step";
}

}  // namespace
