// Beam search against a plain one, against every text there is, and against greedy, on thousands of random tables.
// group: generation
#include <gtest/gtest.h>

#include <limits>

#include "residual/decode/beam_search.hpp"
#include "residual/decode/sampling.hpp"
#include "support/expect_sentence.hpp"
#include "support/plain_beam_search.hpp"

namespace {

using namespace residual;
using namespace test_support;
using test_support::Random;

constexpr float dead_end = -std::numeric_limits<float>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

Text random_text(Random& random, Index vocabulary) {
  Text text(std::size_t(random.integer(1, 3)));
  for (int& token : text) token = int(random.integer(0, vocabulary - 1));
  return text;
}
Limit random_limit(Random& random, Index longest, Index vocabulary) {
  return {.tokens = random.integer(1, longest), .end = int(random.integer(-1, vocabulary - 1))};
}

TEST(BeamSearch, IsThePlainOneForEachPrompt) {
  Random random(1);
  int none = 0, fewer = 0, early = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    const Index vocabulary = random.integer(1, 5), width = random.integer(1, 5), prompts = random.integer(1, 3);
    const Table table{.vocabulary = vocabulary,
                      .seed = random.bits(),
                      .dead = random.one_of({0.0, 0.1, 0.5, 0.8}),
                      .nan = random.one_of({0.0, 0.0, 0.2}),
                      .equals = random.chance(0.3)};
    const Limit limit = random_limit(random, 6, vocabulary);
    const double alpha = random.one_of({0.0, 0.6, 1.0, 3.0, -1.0});
    const Index shortest = random.chance(0.5) ? 1 : random.integer(0, limit.tokens);
    std::vector<Text> starts;
    for (Index i = 0; i < prompts; ++i) starts.push_back(random_text(random, vocabulary));
    TableDecoding decoding(table, prompts * width);
    decoding.start(prompts);
    const Beams beams{.width = width, .length_penalty = alpha, .shortest = shortest};
    const auto found = beam_search(decoding, starts, limit, beams);
    EXPECT_EQ(decoding.sequences(), 0);
    ASSERT_EQ(Index(found.size()), prompts);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto plain = plain_beam_search(table, starts[i], limit, std::size_t(width), alpha, std::size_t(shortest));
      ASSERT_EQ(found[i].size(), plain.size()) << "trial " << trial << ", prompt " << i;
      for (std::size_t k = 0; k < plain.size(); ++k) {
        ASSERT_EQ(found[i][k].tokens, plain[k].tokens) << "trial " << trial << ", prompt " << i << ", text " << k;
        ASSERT_EQ(found[i][k].log_probability, plain[k].log_p);
        ASSERT_EQ(found[i][k].score, plain[k].score);
        early += Index(plain[k].tokens.size()) < limit.tokens;
      }
      none += plain.empty();
      fewer += !plain.empty() && Index(plain.size()) < width;
    }
  }
  EXPECT_GT(none, 300) << "too few prompts without a text to say anything";
  EXPECT_GT(fewer, 500);
  EXPECT_GT(early, 500);
}

/// As wide as there are prefixes, the search loses none.
TEST(BeamSearch, OfFullWidthIsEnumeration) {
  Random random(2);
  for (int trial = 0; trial < 500; ++trial) {
    const Index vocabulary = random.integer(1, 4);
    const Table table{.vocabulary = vocabulary, .seed = random.bits(), .dead = random.one_of({0.0, 0.2, 0.5})};
    const Limit limit = random_limit(random, 4, vocabulary);
    const double alpha = random.one_of({0.0, 0.6, -1.0, 3.0});
    const Text prompt = random_text(random, vocabulary);
    TableDecoding decoding(table, 256);
    decoding.start(1);
    const auto found = beam_search(decoding, {prompt}, limit, {.width = 256, .length_penalty = alpha})[0];
    const auto all = all_texts(table, prompt, limit, alpha);
    ASSERT_EQ(found.size(), all.size()) << "trial " << trial;
    double total = 0;
    for (std::size_t k = 0; k < all.size(); ++k) {
      ASSERT_EQ(found[k].tokens, all[k].tokens) << "trial " << trial << ", text " << k;
      total += std::exp(found[k].log_probability);
    }
    if (table.dead == 0) {
      EXPECT_NEAR(total, 1, 1e-9) << "trial " << trial;
    }
  }
}

TEST(BeamSearch, OfWidthOneIsGreedyWhateverThePenalty) {
  Random random(3);
  int dead_ends = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    const Index vocabulary = random.integer(1, 5);
    const Table table{.vocabulary = vocabulary, .seed = random.bits(), .dead = random.one_of({0.0, 0.5})};
    const Limit limit = random_limit(random, 8, vocabulary);
    const Text prompt = random_text(random, vocabulary);
    TableDecoding decoding(table, 1);
    decoding.start(1);
    const auto found =
        beam_search(decoding, {prompt}, limit, {.width = 1, .length_penalty = random.one_of({0.0, 0.6, -2.0})})[0];
    decoding.start(1);
    if (found.empty()) {
      ++dead_ends;
      expect_sentence([&] { greedy(decoding, {prompt}, limit); }, {"No token can follow"});
    } else {
      ASSERT_EQ(found.size(), 1u);
      ASSERT_EQ(found[0].tokens, greedy(decoding, {prompt}, limit)[0]) << "trial " << trial;
    }
  }
  EXPECT_GT(dead_ends, 100);
}

/// P(0) = .59, P(1) = .22, P(2) = .20, and 0 ends a text. P(1 1) = P(1 2) = .11 and P(2 2) = .19: a search of width 2 in
/// which the text 0 keeps its place does not see the last.
TEST(BeamSearch, GivesThePlaceOfACompleteTextToALiveOne) {
  const Table table{.vocabulary = 3, .instead = [](const Text& prefix) {
                      if (prefix.size() == 1) return std::vector<float>{2, 1, 0.9f};
                      return prefix[1] == 1 ? std::vector<float>{dead_end, 0, 0} : std::vector<float>{dead_end, 0, 5};
                    }};
  TableDecoding decoding(table, 2);
  decoding.start(1);
  const auto found = beam_search(decoding, {{1}}, {.tokens = 2, .end = 0}, {.width = 2, .length_penalty = 0})[0];
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].tokens, Text{0});
  EXPECT_EQ(found[1].tokens, (Text{2, 2}));
}

/// P(0) = .05 ends the first of two texts; the last step completes two more, both likelier.
TEST(BeamSearch, KeepsTheBestTextsWhereTheLastStepCompletesMoreThanAreWanted) {
  const Table table{.vocabulary = 2, .instead = [](const Text& prefix) {
                      return prefix.size() == 1 ? std::vector<float>{-3, 0} : std::vector<float>{0, 0};
                    }};
  TableDecoding decoding(table, 2);
  decoding.start(1);
  const auto found = beam_search(decoding, {{1}}, {.tokens = 2, .end = 0}, {.width = 2, .length_penalty = 0})[0];
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].tokens, (Text{1, 0}));
  EXPECT_EQ(found[1].tokens, (Text{1, 1}));
}

/// P(0) = .9 ends a text.
TEST(BeamSearch, EndsNoTextBeforeTheShortest) {
  const Table table{.vocabulary = 2, .instead = [](const Text&) { return std::vector<float>{2.2f, 0}; }};
  TableDecoding decoding(table, 2);
  for (const Index shortest : {-1, 0, 1, 2, 4, 5}) {
    decoding.start(1);
    const auto found = beam_search(decoding, {{1}}, {.tokens = 5, .end = 0}, {.width = 2, .shortest = shortest})[0];
    Text first(std::size_t(std::max<Index>(shortest, 1)), 1);
    first.back() = 0;
    EXPECT_EQ(found.at(0).tokens, first) << "shortest " << shortest;
  }
}

TEST(BeamSearch, GoesOnWhereOneHypothesisIsADeadEnd) {
  const Table table{.vocabulary = 3, .seed = 1, .instead = [](const Text& prefix) {
                      return prefix == Text{0, 1} ? std::vector<float>(3, dead_end) : std::vector<float>{};
                    }};
  TableDecoding decoding(table, 3);
  decoding.start(1);
  const auto found = beam_search(decoding, {{0}}, {.tokens = 3}, {.width = 3})[0];
  EXPECT_EQ(found.size(), 3u);
  for (const auto& h : found) EXPECT_NE(h.tokens[0], 1);
}
TEST(BeamSearch, FindsNoTextBehindADeadPrompt) {
  for (const float nothing : {dead_end, float(nan)}) {
    const Table table{.vocabulary = 3, .seed = 1, .instead = [=](const Text& prefix) {
                        return prefix[0] == 2 ? std::vector<float>(3, nothing) : std::vector<float>{};
                      }};
    TableDecoding decoding(table, 6);
    decoding.start(3);
    const auto found = beam_search(decoding, {{0}, {2}, {1}}, {.tokens = 3}, {.width = 2});
    EXPECT_EQ(found[0].size(), 2u);
    EXPECT_TRUE(found[1].empty());
    EXPECT_EQ(found[2].size(), 2u);
  }
}
/// Infinite logits share all probability, and a NaN has none: as in a Sampler.
TEST(BeamSearch, TakesInfinityAndNoNaN) {
  const Table table{.vocabulary = 4, .instead = [](const Text&) {
                      return std::vector<float>{float(nan), 1, float(infinity), float(infinity)};
                    }};
  TableDecoding decoding(table, 5);
  decoding.start(1);
  const auto found = beam_search(decoding, {{1}}, {.tokens = 1}, {.width = 5})[0];
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].tokens, Text{2});
  EXPECT_EQ(found[1].tokens, Text{3});
  EXPECT_DOUBLE_EQ(found[0].log_probability, -std::log(2.0));
}

TEST(BeamSearch, RefusesWhatCannotBeBeforeTheFirstStep) {
  constexpr Index most = std::numeric_limits<Index>::max();
  TableDecoding decoding({.vocabulary = 3}, most);
  decoding.start(2);
  const auto search = [&](const Limit& limit, const Beams& beams) {
    return [&decoding, limit, beams] { beam_search(decoding, {{0}, {1}}, limit, beams); };
  };
  for (const double alpha : {nan, infinity, -infinity}) {
    for (const Index tokens : {1, 3}) {
      expect_sentence(search({.tokens = tokens}, {.length_penalty = alpha}), {"length_penalty is", "finite"});
    }
  }
  for (const double alpha : {1e5, -1e5}) {
    expect_sentence(search({.tokens = 90}, {.length_penalty = alpha}), {"length_penalty is", "90 tokens"});
  }
  for (const Index width : {Index(0), Index(-1), std::numeric_limits<Index>::min()}) {
    expect_sentence(search({.tokens = 3}, {.width = width}), {"width is", "1 or more"});
  }
  for (const Index width : {most, most / 2 + 1, Index(1) << 62}) {
    expect_sentence(search({.tokens = 3}, {.width = width}), {"width is", "2 prompts", "more than can be counted"});
  }
  for (const Index shortest : {Index(4), most}) {
    expect_sentence(search({.tokens = 3}, {.shortest = shortest}), {"shortest is", "the limit is 3 tokens"});
  }
  for (const int end : {-2, std::numeric_limits<int>::min()}) {
    expect_sentence(search({.tokens = 3, .end = end}, {}), {"end is -", "-1 when none"});
  }
  EXPECT_EQ(decoding.steps(), 0);
  EXPECT_NO_THROW(search({.tokens = 90}, {.width = 1, .length_penalty = -50})());
}

/// Where nothing tells the vocabulary, the first logits do.
TEST(Generation, RefusesAnEndBeyondTheVocabularyBeforeAnythingIsChosen) {
  TableDecoding decoding({.vocabulary = 3}, 8);
  const Limit limit{.tokens = 3, .end = 3};
  for (const auto& run : std::vector<std::function<void()>>{
           [&] { greedy(decoding, {{0}}, limit); }, [&] { sample(decoding, {{0}}, limit); },
           [&] { beam_search(decoding, {{0}}, limit); },
           [&] {
             generate(decoding, {{0}}, limit, [](const auto&, Index, Index) {
               ADD_FAILURE() << "a token was chosen";
               return 0;
             });
           }}) {
    decoding.start(1);
    expect_sentence(run, {"end is 3", "0 to 2"});
  }
  EXPECT_EQ(decoding.steps(), 4);
}

}  // namespace
