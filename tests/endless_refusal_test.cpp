// What an endless decoding refuses, each in a sentence, before anything has changed.
// group: generation
#include <gtest/gtest.h>

#include "residual/decode/decoding.hpp"
#include "residual/model/token_encoder_decoder.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/endless_models.hpp"
#include "support/expect_sentence.hpp"

namespace {

using namespace test_support;

/// What an endless decoding of a model refuses.
template <class M>
void expect_refusal(const M& model, const std::vector<std::string>& parts, const Endless& room = {1, 1}) {
  const Parameters theta(model);
  expect_sentence([&] { Decoding(model, theta, room); }, parts);
}

TEST(EndlessDecodingRefuses, AModelThatSeesEverything) {
  const auto with = [](const SelfAttention<float>& attention) {
    return encoder(PreLN<float>(8), {.depth = 2}, attention, FeedForward<float>{8, 8});
  };
  expect_refusal(with({.dim = 8, .heads = 2, .causal = true}), {"block 0 has no window", ".window = n", "Capacity"});
  expect_refusal(with({.dim = 8, .heads = 2, .causal = true, .window = 4, .windowed = {true, false}}),
                 {"block 1 has no window", "every block"});
  expect_refusal(with({.dim = 8, .heads = 2, .chunk = 2}), {"block 0 has no window", ".window = n"});
  const auto both = encoder_decoder(encoder(PreLN<float>(8), sizes_with(3)), decoder(PreLN<float>(8), sizes_with(0)));
  expect_refusal(both, {"block 0 has no window"});
}
/// Mixes tokens in a way that nobody knows.
struct Mixing : SelfAttention<float> {
  void look_back() const = delete;
};
TEST(EndlessDecodingRefuses, ALayerThatDoesNotSayWhatItSees) {
  const Mixing mixing{{.dim = 8, .heads = 2, .causal = true, .window = 4}};
  expect_refusal(encoder(PreLN<float>(8), {.depth = 1}, mixing, FeedForward<float>{8, 8}),
                 {"sub-layer 0", "mixes tokens", "look_back"});
}
TEST(EndlessDecodingRefuses, PositionsThatEnd) {
  for (const auto positions : {Positions::learned, Positions::sinusoidal, Positions::fairseq}) {
    const Embedding<float> embedding(vocabulary, 8, 9, positions);
    expect_refusal(LanguageModel(embedding, turning_stack(PreLN<float>(8), 4)),
                   {"positions for 9", "no last one", "Positions::none"});
    const auto stacks =
        encoder_decoder(encoder(PreLN<float>(8), sizes_with(4)), decoder(PreLN<float>(8), sizes_with(4)));
    expect_refusal(token_encoder_decoder(stacks, {.target = embedding}), {"positions for 9", "Positions::none"});
  }
}
TEST(EndlessDecodingRefuses, RoomThatCannotBe) {
  constexpr Index most = std::numeric_limits<Index>::max();
  const auto model = encoder(PreLN<float>(8), sizes_with(4)), wide = encoder(PreLN<float>(8), sizes_with(most - 100)),
             half = encoder(PreLN<float>(8), sizes_with(Index(1) << 52));
  expect_refusal(model, {"0 sequences", "1 or more"}, {0, 1});
  expect_refusal(model, {"steps of 0", "1 or more"}, {1, 0});
  for (const Endless& room : {Endless{most, 1}, {1, most}, {most, most}, {most / 8, 2}}) {
    expect_refusal(model, {"no memory holds", "ask for fewer"}, room);
  }
  expect_refusal(wide, {"no memory holds", "smaller window"});
  expect_refusal(encoder(PreLN<float>(8), sizes_with(most)), {"no memory holds", "smaller window"});
  expect_refusal(half, {"no memory holds", "smaller window"}, {32, 1});
}
TEST(EndlessDecodingRefuses, AStepThatDoesNotFit) {
  const auto model = encoder(PreLN<float>(8), sizes_with(2));
  Parameters theta(model);
  randomise(theta, 1);
  const Tokens<float> x = random_tokens<float>(200, 8, 2), mask = Tokens<float>::Zero(100, 100);
  Decoding decoding(model, theta, Endless{.sequences = 1, .step = 3});
  decoding.start(1);
  Tokens<float> y(200, 8);
  for (Index i = 0; i < 200; ++i) {
    expect_sentence([&] { decoding.step(Batch::of({4}), x.topRows(4)); },
                    {"adds 4 tokens to sequence 0", "steps of up to 3", "larger `step`", "several steps"});
    const auto masked = [&] { decoding.step({.batch = Batch::of({1}), .x = x.middleRows(i, 1), .attn_mask = mask}); };
    if (i >= 100) {
      expect_sentence(masked, {"attn_mask is [100 x 100]"});
    }
    y.row(i) = decoding.step(x.middleRows(i, 1));
  }
  Tape tape(model);
  EXPECT_TRUE(same_bits(y, forward(model, theta, tape, Batch::of({200}), x)));
  EXPECT_EQ(decoding.length(0), 200);
  EXPECT_GT(decoding.room(0), Index(1) << 60);
}

}  // namespace
