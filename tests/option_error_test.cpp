// Options that cannot be are refused where they are given, in a sentence.
// group: core
#include <gtest/gtest.h>

#include "residual/decode/decoding.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/layers/any_feed_forward.hpp"
#include "residual/layers/attention/rotary.hpp"
#include "residual/layers/pointwise_norm.hpp"
#include "residual/layers/pool.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/layers/sub_ln_feed_forward.hpp"
#include "residual/layers/word_head.hpp"
#include "residual/model/decoder.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/any_scheme.hpp"
#include "residual/wiring/attention_residuals.hpp"
#include "residual/wiring/deep_norm.hpp"
#include "residual/wiring/hyper_connections.hpp"
#include "residual/wiring/keel.hpp"
#include "residual/wiring/macaron_pre_ln.hpp"
#include "residual/wiring/mix_ln.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "residual/wiring/skip_init.hpp"
#include "support/expect_sentence.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;

const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

TEST(Sizes, MustFitEachOther) {
  const PreLN<double> scheme(8);
  const auto with = [&](auto change) {
    Sizes sizes{.dim = 8, .heads = 2, .hidden = 16, .depth = 2};
    change(sizes);
    return [=] {
      encoder(scheme, sizes);
      decoder(scheme, sizes);
    };
  };
  expect_sentence(with([](Sizes& s) { s.heads = 3; }), {"dim 8", "heads 3", "multiple"});
  expect_sentence(with([](Sizes& s) { s.dim = 12; }), {"12 wide", "made for 8", "width"});
  expect_sentence(with([](Sizes& s) { s.dim = 0; }), {"dim 0", "greater than 0"});
  expect_sentence(with([](Sizes& s) { s.heads = -2; }), {"heads -2", "greater than 0"});
  expect_sentence(with([](Sizes& s) { s.hidden = 0; }), {"hidden 0", "greater than 0"});
  expect_sentence(with([](Sizes& s) { s.depth = -1; }), {"depth is -1", "must be given"});
  for (const double rate : {-0.1, 1.0, 1.5, nan}) {
    expect_sentence(with([&](Sizes& s) { s.dropout = rate; }), {"dropout is", "less than 1"});
    expect_sentence(with([&](Sizes& s) { s.attention_dropout = rate; }), {"attention_dropout is", "less than 1"});
    expect_sentence(with([&](Sizes& s) { s.activation_dropout = rate; }), {"activation_dropout is", "less than 1"});
  }
}

TEST(Sizes, MustNotBeMoreThanAnyMemoryHolds) {
  const auto of = [](const Sizes& sizes) { return encoder(PreLN<double>(sizes.dim), sizes); };
  constexpr Index most = std::numeric_limits<Index>::max();
  for (const Index hidden : {Index(1) << 62, Index(1) << 61, most}) {
    const auto model = of({.dim = 8, .heads = 2, .hidden = hidden, .depth = 1, .bias = false});
    expect_sentence([&] { Parameters theta(model); },
                    {"layers.0.linear1.weight is [8 x " + std::to_string(hidden) + "]", "no memory holds"});
  }
  expect_sentence([&] { of({.dim = most, .heads = 1, .hidden = 8, .depth = 1}); }, {"1 heads", "any memory"});
  const SelfAttention<double> wide{.dim = 8, .heads = 8, .head_dim = Index(1) << 61};
  expect_sentence([&] { wide.check(); },
                  {"8 heads and 8 key heads of 2305843009213693952 columns", "fewer or smaller"});
}

TEST(Sizes, MustBeGiven) {
  expect_sentence([] { encoder(PreLN<double>(8), {.dim = 8, .heads = 2, .hidden = 16}); }, {"depth", "must be given"});
  expect_sentence([] { encoder(PreLN<double>(8), {.dim = 8, .heads = 2, .depth = 1}); }, {"hidden -1"});
  expect_sentence([] { encoder(PreLN<double>(8), {.dim = 8, .hidden = 16, .depth = 1}); }, {"heads -1"});
  expect_sentence([] { encoder(PreLN<double>(8), {.heads = 2, .hidden = 16, .depth = 1}); }, {"dim -1"});
}

TEST(Sizes, ReachTheSubLayers) {
  const Sizes sizes{.dim = 8,
                    .heads = 2,
                    .hidden = 16,
                    .depth = 1,
                    .activation = Activation::silu,
                    .causal = true,
                    .kv_heads = 1,
                    .head_dim = 6,
                    .window = 3};
  const auto stack = decoder(PreLN<double>(8), sizes);
  const auto& [own, cross, ffn] = stack.sublayers;
  EXPECT_EQ(own,
            (SelfAttention<double>{.dim = 8, .heads = 2, .causal = true, .kv_heads = 1, .head_dim = 6, .window = 3}));
  EXPECT_EQ(cross, (CrossAttention<double>{.dim = 8, .heads = 2, .kv_heads = 1, .head_dim = 6}));
  EXPECT_EQ(ffn, (FeedForward<double>{8, 16, Activation::silu}));
  const auto stream = encoder(PreLN<double>(8), {.dim = 8, .heads = 2, .hidden = 16, .depth = 1, .chunk = 4});
  EXPECT_EQ(std::get<0>(stream.sublayers), (SelfAttention<double>{.dim = 8, .heads = 2, .chunk = 4}));
}

TEST(Layers, OfOtherWidthsThanTheirPartsAreRefused) {
  AnyFeedForward<double> any = FeedForward<double>{8, 16};
  any.dim = 9;
  expect_sentence([&] { any.check(); }, {"AnyFeedForward: dim is 9", "8 wide"});
  const SelfAttentionOf<double, LayerNorm<double>> attention{.dim = 8, .heads = 2, .inner = LayerNorm<double>(7)};
  expect_sentence([&] { attention.check(); }, {"inner norm is 7 wide", "all heads together 8"});
  Linear<double>::Params params;
  Carver<double> carver;
  expect_sentence(
      [&] {
        params.carve(carver, Linear<double>{2, 4}, {{"a", 1}, {"b", 2}});
      },
      {"its parts have 3 outputs, but it has 4"});
}

TEST(Layers, OfAnEnumeratorThatIsNoneAreRefused) {
  expect_sentence([] { Embedding<double>(8, 8, 8, Positions(9)); },
                  {"Embedding: positions is number 9", "Positions::"});
  expect_sentence([] { Pool<double>{8, Pooling(7)}.check(); }, {"Pool: take is number 7", "Pooling::mean"});
  expect_sentence([] { Pool<double>{8, Pooling(-1)}.check(); }, {"Pool: take is number -1", "Pooling::mean"});
  const Sizes sizes{.dim = 8, .heads = 2, .hidden = 16, .depth = 2, .recompute = Recompute(9)};
  expect_sentence([&] { encoder(PreLN<double>(8), sizes); }, {"Stack: recompute is number 9", "Recompute::nothing"});
}

/// Models made by hand, or changed after they were made, are refused by whoever is to use them.
template <class M>
void expect_refused(const M& model, const std::vector<std::string>& words) {
  expect_sentence([&] { Parameters<M> theta(model); }, words);
  expect_sentence([&] { Tape<M> tape(model); }, words);
  expect_sentence([&] { Tape<M> tape(model, Keep::nothing); }, words);
}

TEST(Layers, OfAnActivationThatIsNoneAreRefused) {
  const auto none = static_cast<Activation>(9);
  const auto expect_refusal = [](const auto& layer, const std::string& name) {
    expect_sentence([&] { layer.check(); }, {name + ": activation is number 9"});
  };
  expect_refusal(FeedForward<double>{.dim = 8, .hidden = 12, .activation = none}, "FeedForward");
  expect_refusal(GatedFeedForward<double>{.dim = 8, .hidden = 12, .activation = none}, "GatedFeedForward");
  expect_refusal(SubLNFeedForward<double>{.dim = 8, .hidden = 12, .norm = LayerNorm<double>(12), .activation = none},
                 "SubLNFeedForward");
  expect_refusal(WordHead<double>{.dim = 8, .activation = none}, "WordHead");
  for (const auto activation :
       {Activation::relu, Activation::gelu_erf, Activation::gelu_tanh, Activation::silu, Activation::relu_squared}) {
    EXPECT_NO_THROW((FeedForward<double>{.dim = 8, .hidden = 12, .activation = activation}.check()));
  }
}

TEST(Models, MadeByHandAreRefusedWhereTheyAreUsed) {
  using Enc = Encoder<PreLN<double>>;
  const PreLN<double> scheme(8);
  const auto with = [&](const SelfAttention<double>& f, const FeedForward<double>& g, Index depth = 1,
                        double drop = 0) {
    return Enc{scheme, {f, g}, depth, drop};
  };
  expect_refused(with({8, 3}, {8, 16}), {"SelfAttention", "dim 8", "heads 3", "multiple"});
  expect_refused(with({8, 0}, {8, 16}), {"SelfAttention", "heads 0"});
  expect_refused(with({10, 2}, {8, 16}), {"sub-layer 0", "10 wide", "made for 8"});
  expect_refused(with({8, 2}, {12, 16}), {"sub-layer 1", "12 wide", "made for 8"});
  expect_refused(with({8, 2}, {8, 0}), {"FeedForward", "hidden 0"});
  expect_refused(with({8, 2}, {8, 16}, -1), {"depth is -1"});
  expect_refused(with({8, 2}, {8, 16}, 1, 2.0), {"dropout is 2"});
  expect_refused(with({8, 2, true, true, -0.5}, {8, 16}), {"attention_dropout is -0.5"});
  expect_refused(with({8, 2}, {8, 16, Activation::relu, true, 1}), {"activation_dropout is 1"});
  expect_refused(Enc{scheme, {{8, 2}, {8, 16}}}, {"depth", "must be given"});
  auto changed = with({8, 2}, {8, 16});
  changed.wiring.norm.epsilon = -1;
  expect_refused(changed, {"LayerNorm: epsilon is -1"});
  changed = with({8, 2}, {8, 16});
  changed.wiring.last.dim = 6;
  expect_refused(changed, {"norm of the residual scheme is 6 wide", "streams are 8"});

  const Enc right = with({8, 2, true}, {8, 16});
  const Parameters<Enc> theta(right);
  expect_sentence(
      [&] {
        Decoding<Enc>(with({8, 3, true}, {8, 16}), theta, {.sequences = 1, .longest = 4});
      },
      {"heads 3"});
}
TEST(Models, DecodersMadeByHandToo) {
  using Dec = Decoder<PostLN<float>>;
  expect_refused(Dec{PostLN<float>(8), {{8, 2}, {8, 5}, {8, 16}}, 1}, {"CrossAttention", "heads 5"});
  expect_refused(Dec{PostLN<float>(8), {{8, 2}, {16, 2}, {8, 16}}, 1}, {"sub-layer 1", "16 wide"});
}

TEST(Models, OfTwoWidthsAreRefused) {
  const Sizes sizes{.dim = 8, .heads = 2, .hidden = 16, .depth = 1},
      wide{.dim = 12, .heads = 2, .hidden = 16, .depth = 1};
  expect_sentence([&] { encoder_decoder(encoder(PreLN<double>(8), sizes), decoder(PreLN<double>(12), wide)); },
                  {"encoder is 8 wide, the decoder 12", "same width"});
}

TEST(LanguageModels, OfFieldsThatDoNotFitAreRefused) {
  const Sizes sizes{.dim = 8, .heads = 2, .hidden = 16, .depth = 1};
  const Embedding<double> embedding(5, 8, 16);
  expect_sentence([&] { LanguageModel(embedding, encoder(PreLN<double>(8), sizes)); },
                  {"not causal", ".causal = true"});
  expect_sentence([&] { language_model(PreLN<double>(8), sizes, Embedding<double>(5, 9, 16)); }, {"9 wide", "8"});
  auto model = language_model(PreLN<double>(8), sizes, embedding);
  model.embedding.longest = 64;
  expect_refused(model, {"sinusoids are [16 x 8]", "longest is 64"});
  model = language_model(PreLN<double>(8), sizes, Embedding<double>(5, 8, 16, Positions::none));
  model.embedding.positions = Positions::sinusoidal;
  expect_refused(model, {"sinusoids are [0 x 0]", "new Embedding"});
  model = language_model(PreLN<double>(8), sizes, embedding);
  model.embedding.dropout = 1.5;
  expect_refused(model, {"Embedding: dropout is 1.5"});
  model = language_model(PreLN<double>(8), sizes, embedding);
  std::get<0>(model.stack.sublayers).causal = false;
  expect_refused(model, {"not causal"});
}

TEST(Inputs, InTheWrongFieldAreRefused) {
  const auto model = encoder(PreLN<double>(8), {.dim = 8, .heads = 2, .hidden = 16, .depth = 1});
  const Parameters theta(model);
  Tape tape(model);
  const Tokens<double> x = Tokens<double>::Zero(3, 8), mask = Tokens<double>::Zero(3, 3);
  expect_sentence([&] { forward(model, theta, tape, {.batch = Batch::of({3}), .x = x, .memory_mask = mask}); },
                  {"memory_mask", "[3 x 3]", "attn_mask"});
}
/// What a call overwrites is no input of it.
TEST(Inputs, InMemoryThatTheCallOverwritesAreRefused) {
  const auto model = encoder(PreLN<double>(8), {.dim = 8, .heads = 2, .hidden = 16, .depth = 1, .causal = true});
  Parameters theta(model);
  theta.flat().setConstant(0.1);
  const Batch batch = Batch::of({3});
  const Tokens<double> x = Tokens<double>::Random(3, 8);
  for (const Keep keep : {Keep::for_backward, Keep::nothing}) {
    Tape tape(model, keep);
    const auto y = forward(model, theta, tape, batch, x);
    expect_sentence([&] { forward(model, theta, tape, batch, y); }, {"x shows memory", "overwrites", "copy it"});
    const auto last = y.rows_from(2, 1);
    expect_sentence([&] { forward(model, theta, tape, Batch::of({1}), last); }, {"x shows memory"});
    const Tokens<double> copy = y;
    EXPECT_NO_THROW(forward(model, theta, tape, batch, copy));
  }
  Decoding decoding(model, theta, {.sequences = 1, .longest = 8});
  decoding.start(1);
  const auto y = decoding.step(batch, x);
  expect_sentence([&] { decoding.step(y.rows_from(2, 1)); }, {"Decoding", "x shows memory", "copy it"});
  const Tokens<double> copy = y.rows_from(2, 1);
  EXPECT_NO_THROW(decoding.step(copy));
}

TEST(Norms, NeedAWidthAndAPositiveEpsilon) {
  for (const double epsilon : {0.0, -1e-5, nan, infinity}) {
    expect_sentence([&] { LayerNorm<double>(8, epsilon); }, {"LayerNorm", "epsilon", "greater than 0"});
    expect_sentence([&] { RMSNorm<double>(8, epsilon); }, {"RMSNorm", "epsilon", "greater than 0"});
  }
  for (const Index dim : {0, -1}) {
    expect_sentence([&] { LayerNorm<double> norm(dim); }, {"LayerNorm", "dim is " + std::to_string(dim)});
    expect_sentence([&] { RMSNorm<double> norm(dim); }, {"RMSNorm", "dim is " + std::to_string(dim)});
  }
}

TEST(Factors, MustBeNumbersOfTheScalar) {
  for (const double factor : {nan, infinity, 1e300}) {
    expect_sentence([&] { RMSNorm<float>(8, 1e-5F, true, factor); }, {"RMSNorm: offset is ", "number"});
    PointwiseNorm<float, TanhCurve> curve(8);
    curve.alpha_start = factor;
    expect_sentence([&] { curve.check(); }, {"PointwiseNorm: alpha_start is ", "number"});
    Embedding<float> embedding(8, 8, 8);
    embedding.scale = float(factor);
    expect_sentence([&] { embedding.check(); }, {"Embedding: scale is ", "number"});
    const RopeScaling scaling{.rule = RopeScaling::Rule::yarn, .original = 64, .attention_factor = factor};
    expect_sentence([&] { Rotary<float>(4, {.scaling = scaling}); }, {"attention_factor"});
  }
  for (const double factor : {nan, infinity, 1e300, 1e-40, 1e-300}) {
    const auto with = [](const Scores& scores) { return SelfAttention<float>{.dim = 8, .heads = 2, .scores = scores}; };
    expect_sentence([&] { with({.width = factor}).check(); }, {"scores.width is ", "range"});
    expect_sentence([&] { with({.softcap = factor}).check(); }, {"scores.softcap ", "range"});
  }
  const SelfAttention<float> capped{.dim = 8, .heads = 2, .scores = {.softcap = 3e38}};  // 1.4427 softcap is no float
  expect_sentence([&] { capped.check(); }, {"scores.softcap 3e+38", "range"});
  EXPECT_NO_THROW((SelfAttention<double>{.dim = 8, .heads = 2, .scores = {.width = 1e300, .softcap = 1e300}}.check()));
}

TEST(Batches, NeedLengthsAndMasksThatFit) {
  expect_sentence([] { Batch::of({3, -1}); }, {"sequence 1", "-1", "0 or more"});
  const Batch batch = Batch::of({3, 2});
  for (const std::size_t entries : {0u, 4u, 6u}) {
    const std::vector<std::uint8_t> mask(entries);
    expect_sentence([&] { batch.hiding(mask); }, {"mask has " + std::to_string(entries), "5 tokens"});
  }
}

TEST(Threads, MustBeSome) {
  for (const Index count : {0, -3}) {
    expect_sentence([&] { Threads threads(count); }, {"Threads", std::to_string(count), "1 to 1024"});
  }
}

TEST(Scheme, RefusesFieldsThatCannotBe) {
  const Sizes sizes{.dim = 8, .heads = 2, .hidden = 16, .depth = 2};
  for (const double post : {-0.5, 1.5, nan}) {
    expect_sentence([&] { encoder(AnyScheme<double>(MixLN<double>(8, post)), sizes); },
                    {"MixLN: post_share is", "0 to 1"});
  }
  for (const AnyScheme<double>& scheme :
       {AnyScheme<double>(ReZero<double>(0)), AnyScheme<double>(SkipInit<double>(0))}) {
    expect_sentence([&] { encoder(scheme, sizes); }, {"dim is 0", "1 feature or more"});
  }
  for (const Index streams : {Index(0), Index(1) << 32, std::numeric_limits<Index>::max()}) {
    expect_sentence([&] { encoder(AnyScheme<double>(HyperConnections<double>(8, streams)), sizes); },
                    {"Hyper-connections: n is " + std::to_string(streams)});
  }
  const LayerNorm<float> norm(8);
  for (const double factor : {nan, infinity, -infinity, 1e300}) {  // none of them is a number as a float
    const auto expect_refusal = [&](const AnyScheme<float>& scheme, const std::string& words) {
      expect_sentence([&] { encoder(scheme, sizes); }, {words, "number"});
    };
    expect_refusal(DeepNorm<float>(8, factor), "DeepNorm: alpha is ");
    expect_refusal(Keel<float>(norm, norm, factor), "Keel: alpha is ");
    expect_refusal(ResiDual<float>(norm, norm, float(factor)), "ResiDual: scale is ");
    expect_refusal(ResiDual<float>(norm, norm, 1, float(factor)), "ResiDual: scale is 1 and alpha ");
    expect_refusal(MacaronPreLN<float>(norm, norm, float(factor)), "MacaronPreLN: half is ");
  }
}
TEST(Scheme, MayHaveAGroupOfMoreBlocksThanThereAre) {
  for (const Index slots : {1, 2, 3, 4}) {
    const Index size = GroupsOfBlocks{std::numeric_limits<Index>::max()}.size(slots);
    EXPECT_GT(size, Index(1) << 60);
    EXPECT_EQ(size % slots, 0);
  }
  EXPECT_EQ(GroupsOfBlocks{3}.size(2), 6);
}

}  // namespace
