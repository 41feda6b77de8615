// The token-level encoder-decoder: gradients, names, training, memory, and what is refused.
// group: models
#include <gtest/gtest.h>

#include "residual/residual.hpp"
#include "support/expect_sentence.hpp"
#include "support/gradient_problem.hpp"
#include "support/heap_count.hpp"
#include "support/same_bits.hpp"
#include "support/translator.hpp"

namespace {

using namespace residual;
using namespace test_support;
using test_support::Random;

/// What the model reads.
template <class S>
struct Sentences {
  Batch batch;
  std::vector<int> tokens;
  Batch src_batch;
  std::vector<int> src_tokens;
  Tokens<S> attn_mask, memory_mask;
  std::optional<std::uint64_t> seed;

  template <class M>
  typename M::Input input() const {
    return {batch, tokens, src_batch, src_tokens, attn_mask, memory_mask, {}, seed};
  }
  static constexpr std::array<const char*, 0> variable_names{};
  std::array<Tokens<S>*, 0> variables() { return {}; }
  template <class T>
  Sentences<T> cast() const {
    return {batch, tokens, src_batch, src_tokens, attn_mask.template cast<T>(), memory_mask.template cast<T>(), seed};
  }
};

TEST(TokenEncoderDecoder, HasTheGradientOfDifferences) {
  Random random(1);
  for (const auto positions : {Positions::none, Positions::learned, Positions::sinusoidal}) {
    for (const bool shared : {true, false}) {
      for (const bool tied : {true, false}) {
        const auto scene = random_scene(random, width, true);
        const Sentences<double> text{scene.batch,        random_words(random, scene.batch.tokens()),
                                     scene.memory_batch, random_words(random, scene.memory_batch.tokens()),
                                     scene.attn_mask,    scene.memory_mask,
                                     random.bits()};
        const Kind kind{positions, shared, tied, 0.2};
        const auto report = check_gradient([&]<class S>(S) { return translator<S>(kind); }, text, random);
        EXPECT_TRUE(report) << report.message();
      }
    }
  }
}

TEST(TokenEncoderDecoder, NamesItsParametersAsFairseq) {
  using M = decltype(translator<float>({}));
  const auto names = [](const Kind& kind) {
    std::vector<std::string> all;
    for (const auto& tensor : Parameters<M>::manifest(translator<float>(kind))) all.push_back(tensor.name);
    return all;
  };
  const auto shared = names({});
  EXPECT_EQ(shared[0], "embed_tokens.weight");
  EXPECT_EQ(shared[1], "encoder.layers.0.self_attn.in_proj_weight");
  const auto separate = names({.positions = Positions::learned, .shared = false, .tied = false});
  EXPECT_EQ(std::vector(separate.begin(), separate.begin() + 6),
            (std::vector<std::string>{"encoder.embed_tokens.weight", "encoder.embed_positions.weight",
                                      "decoder.embed_tokens.weight", "decoder.embed_positions.weight",
                                      "output_projection.weight", "output_projection.bias"}));
}

TEST(TokenEncoderDecoder, LearnsToReverse) {
  Sizes sizes{.dim = 16, .heads = 2, .hidden = 32, .depth = 1};
  const auto source = encoder(PreLN<float>(16), sizes);
  sizes.causal = true;
  const auto model = token_encoder_decoder(encoder_decoder(source, decoder(PreLN<float>(16), sizes)),
                                           {.target = Embedding<float>(6, 16, 5), .projection = Linear<float>{16, 6}});
  Parameters theta(model), grad(model);
  initialise(theta, 1);
  AdamW<float> adam(theta.size());
  Tape tape(model);
  Random random(5);
  std::vector<int> from, to, next;  // 0 begins and ends a text
  const Index sequences = 30;
  for (Index s = 0; s < sequences; ++s) {
    auto text = random_words(random, 4, 5);
    for (int& token : text) ++token;
    from.insert(from.end(), text.begin(), text.end());
    to.push_back(0);
    to.insert(to.end(), text.rbegin(), text.rend());
    next.insert(next.end(), text.rbegin(), text.rend());
    next.push_back(0);
  }
  const Batch src = Batch::of(std::vector<Index>(std::size_t(sequences), 4));
  const Batch dst = Batch::of(std::vector<Index>(std::size_t(sequences), 5));
  float loss = 0;
  for (int step = 0; step < 250; ++step) {
    const auto logits = forward(model, theta, tape, dst, to, src, from);
    Tokens<float> dlogits(logits.rows(), logits.cols());
    loss = cross_entropy(logits, next, dlogits);
    grad.flat().setZero();
    backward(model, theta, tape, dlogits, grad);
    adam.step(theta.flat(), grad.flat(), 5e-3);
  }
  EXPECT_LT(loss, 0.05f);
  Decoding decoding(model, theta, {.sequences = 4, .longest = 5});
  decoding.start({.batch = src.first(1), .tokens = std::span(from).first(4)});
  const auto best = beam_search(decoding, {{0}}, {.tokens = 5, .end = 0}, {.width = 4})[0][0].tokens;
  EXPECT_EQ(best, std::vector<int>(next.begin(), next.begin() + 5));
}

TEST(TokenEncoderDecoder, AllocatesNothingFromTheSecondPassOnAndReadsNoOldMemory) {
  const auto model =
      translator<float>({.positions = Positions::learned, .shared = false, .tied = false, .dropout = 0.1});
  Parameters theta(model), g(model), again(model);
  initialise(theta, 1);
  Tape tape(model);
  const std::vector<int> tokens = {0, 1, 2, 3, 1}, source = {4, 0, 2};
  const Tokens<float> dy = Tokens<float>::Random(5, words);
  const Batch batch = Batch::of({3, 2}), src_batch = Batch::of({1, 2});
  const auto pass = [&](auto& gradient) {
    tape.forward(model, theta,
                 {.batch = batch, .tokens = tokens, .src_batch = src_batch, .src_tokens = source, .seed = 1});
    backward(model, theta, tape, dy, gradient);
  };
  pass(g);
  g.flat().setZero();
  EXPECT_EQ(allocations([&] { pass(g); }), 0);
  tape.fill(not_a_number<float>);
  pass(again);
  EXPECT_TRUE(same_bits(again.flat(), g.flat()));
}

TEST(TokenEncoderDecoder, RefusesWhatDoesNotFit) {
  const auto stacks = translator<float>({}).stacks;
  const auto make = [&](const TokenEnds<float>& ends) { return token_encoder_decoder(stacks, ends); };
  const Embedding<float> right(words, width, longest), wide(words, 6, longest);
  expect_sentence([&] { make({.target = wide}); }, {"embedding of the target is 6 wide", "4", "same width"});
  expect_sentence([&] { make({.target = right, .source = wide}); }, {"embedding of the source is 6 wide"});
  expect_sentence(
      [&] {
        make({.target = right, .projection = Linear<float>{width, 9}});
      },
      {"projection maps 4 features to 9", "vocabulary of 4"});
  auto open = stacks;
  std::get<0>(open.decoder.sublayers).causal = false;
  expect_sentence([&] { token_encoder_decoder(open, {.target = right}); }, {"not causal", ".causal = true"});

  const auto model = make({.target = right, .source = Embedding<float>(source_words, width, 3)});
  Parameters theta(model);
  Tape tape(model);
  const std::vector<int> two = {0, 1}, four = {0, 1, 2, 4}, high = {0, 5};
  const Batch pair = Batch::of({2});
  expect_sentence([&] { forward(model, theta, tape, pair, high, pair, two); }, {"tokens[1] is 5", "0 to 3"});
  expect_sentence([&] { forward(model, theta, tape, pair, two, pair, high); }, {"src_tokens[1] is 5", "0 to 4"});
  expect_sentence([&] { forward(model, theta, tape, pair, two, pair, four); }, {"src_tokens has 4", "2 tokens"});
  expect_sentence([&] { forward(model, theta, tape, pair, two, Batch::of({4}), four); },
                  {"longest source sequence has 4", "positions for 3"});
  expect_sentence([&] { forward(model, theta, tape, pair, two, Batch::of({1, 1}), two); }, {"sequences"});
  expect_sentence([&] { Decoding(model, theta, {.sequences = 1, .longest = 8}); },
                  {"capacity is 8", "positions for 7"});
  Decoding decoding(model, theta, {.sequences = 1, .longest = 7});
  decoding.start({.batch = pair, .tokens = two});
  expect_sentence([&] { decoding.step({.batch = pair, .tokens = two, .src_batch = pair, .src_tokens = two}); },
                  {"has it from `start`"});
}

}  // namespace
