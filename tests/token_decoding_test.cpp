// A TokenDecoding checks all of a step before it shows the user's embedding any of it.
// group: generation
#include <gtest/gtest.h>

#include <stdexcept>

#include "residual/decode/token_decoding.hpp"
#include "residual/model/encoder.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/expect_sentence.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using namespace test_support;

constexpr Index words = 5, longest = 4;

/// Tables for words and places, and what has been read of them.
struct Tables {
  const Tokens<double> by_word = random_tokens<double>(words, 8, 1), by_place = random_tokens<double>(longest, 8, 2);
  Index calls = 0;
  bool broken = false;

  void embed(int token, Index place, Out<double> x) {
    ++calls;
    if (broken) throw std::runtime_error("The table is gone.");
    x = by_word.row(token) + by_place.row(place);  // Eigen asserts that there are such rows
  }
};

struct TokenSteps : testing::Test {
  using Blocks = Encoder<PreLN<double>>;
  const Blocks model = encoder(PreLN<double>(8), {.dim = 8, .heads = 2, .hidden = 8, .depth = 1, .causal = true});
  Parameters<Blocks> theta{model};
  Tables tables;
  Decoding<Blocks> vectors{(randomise(theta, 3), model), theta, {.sequences = 2, .longest = longest}};

  auto decoding() {
    return TokenDecoding(
        vectors, words, [this](int token, Index place, Out<double> x) { tables.embed(token, place, x); },
        [this](In<double> y, Out<double> logits) { logits = y * tables.by_word.transpose(); });
  }
};

TEST_F(TokenSteps, AreRefusedBeforeAnythingIsEmbedded) {
  auto d = decoding();
  const std::vector<int> six{0, 1, 2, 3, 4, 0}, too_large{0, 5}, negative{0, -1};
  expect_sentence([&] { d.step(Batch::of({6}), six); }, {"no sequence was started", "start(1)"});
  vectors.start(2);
  expect_sentence([&] { d.step(Batch::of({6}), six); }, {"batch has 1 sequence,", "2 were started"});
  expect_sentence([&] { d.step(Batch::of({1, 5}), six); }, {"sequence 1 has 0", "adds 5", "room for 4"});
  expect_sentence([&] { d.step(Batch::of({1, 1}), six); }, {"tokens has 6 entries", "2 tokens"});
  expect_sentence([&] { d.step(Batch::of({1, 1}), too_large); }, {"tokens[1] is 5", "0 to 4"});
  expect_sentence([&] { d.step(Batch::of({1, 1}), negative); }, {"tokens[1] is -1", "0 to 4"});
  EXPECT_EQ(tables.calls, 0);
  EXPECT_EQ(vectors.length(0) + vectors.length(1), 0);
  d.step(Batch::of({2, 4}), six);
  EXPECT_EQ(tables.calls, 6);
  expect_sentence([&] { d.step(Batch::of({1, 1}), {six.data(), 2}); }, {"sequence 1 has 4", "room for 4"});
  EXPECT_EQ(tables.calls, 6);
}
TEST_F(TokenSteps, CanBeMadeAgainAfterTheEmbeddingFailed) {
  auto d = decoding();
  const std::vector<int> first{1, 2, 3}, second{4, 0}, other{2, 2};
  const auto texts = [&](auto&& between) {
    vectors.start(2);
    d.step(Batch::of({1, 2}), first);
    between();
    return Tokens<double>(d.step(Batch::of({1, 1}), second));
  };
  const Tokens<double> expected = texts([] {});
  EXPECT_TRUE(same_bits(texts([&] {
                          tables.broken = true;
                          EXPECT_THROW(d.step(Batch::of({1, 1}), other), std::runtime_error);
                          tables.broken = false;
                        }),
                        expected));
}
TEST_F(TokenSteps, AreEmbeddedAtTheirPlaces) {
  auto d = decoding();
  const std::vector<int> all{1, 2, 3, 4};
  vectors.start(1);
  const Tokens<double> at_once = d.step(Batch::of({4}), all);
  vectors.start(1);
  d.step(Batch::of({3}), {all.data(), 3});
  EXPECT_TRUE(same_bits(Tokens<double>(d.step(Batch::of({1}), {all.data() + 3, 1})), Tokens<double>(at_once.row(3))));
}
TEST_F(TokenSteps, NeedAVocabulary) {
  const auto embed = [](int, Index, Out<double>) {};
  const auto project = [](In<double>, Out<double>) {};
  expect_sentence([&] { TokenDecoding(vectors, 0, embed, project); }, {"vocabulary has 0 tokens"});
}

}  // namespace
