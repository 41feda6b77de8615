// Inputs and models that cannot be are refused with a sentence, and odd ones that can be are taken.
// group: core
#include <gtest/gtest.h>

#include "residual/decode/decoding.hpp"
#include "residual/layers/any_norm.hpp"
#include "residual/layers/attention/rotary.hpp"
#include "residual/layers/named.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/model/chain.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "support/expect_sentence.hpp"
#include "support/stacks.hpp"

namespace {

using namespace residual;
using test_support::AnyEncoder;
using test_support::expect_sentence;

const Sizes small{.dim = 8, .heads = 2, .hidden = 16, .depth = 1};

TEST(Refusal, OfAMaskByHeadWhereHeadsDiffer) {
  using A = SelfAttention<double>;
  const Stack<PreLN<double>, Named<"a.", A>, Named<"b.", A>> stack{PreLN<double>(8), {{{8, 4}}, {{8, 1}}}, 1};
  Parameters theta(stack);
  Tape tape(stack);
  const Tokens<double> x = Tokens<double>::Ones(3, 8), mask = Tokens<double>::Zero(12, 3), one = mask.topRows(3);
  const Input<double> by_head{.batch = Batch::of({3}), .x = x, .attn_mask = {mask, false, true}};
  expect_sentence([&] { tape.forward(stack, theta, by_head); }, {"attn_mask", "different numbers of heads"});
  EXPECT_NO_THROW(tape.forward(stack, theta, {.batch = Batch::of({3}), .x = x, .attn_mask = one}));
}

TEST(Refusal, OfStackedMasksThatDoNotDivide) {
  const auto model = encoder(PreLN<double>(8), small);
  Parameters theta(model);
  Tape tape(model);
  const Tokens<double> x = Tokens<double>::Ones(4, 8), mask = Tokens<double>::Zero(7, 3);
  expect_sentence(
      [&] {
        tape.forward(model, theta, {.batch = Batch::of({3, 1}), .x = x, .attn_mask = {mask, true}});
      },
      {"attn_mask has 7 rows", "2 matrices", "sequence"});
  // No sequence at all needs no matrix.
  const Tokens<double> none(0, 8), any = Tokens<double>::Zero(3, 3);
  EXPECT_NO_THROW(tape.forward(model, theta, {.batch = Batch(), .x = none, .attn_mask = {any, true}}));
}

TEST(Refusal, OfPositionsBeyondTheEmbedding) {
  const auto model = language_model(PreLN<double>(8), small, Embedding<double>(5, 8, 10, Positions::learned));
  Parameters theta(model);
  Tape tape(model);
  const std::vector<int> words{1, 2};
  for (const Index far_away : {Index(10), std::numeric_limits<Index>::max()}) {
    const std::vector<Index> positions{0, far_away};
    expect_sentence(
        [&] { tape.forward(model, theta, {.batch = Batch::of({2}), .tokens = words, .positions = positions}); },
        {"positions for 10"});
  }
  const std::vector<Index> negative{0, -1};
  expect_sentence(
      [&] { tape.forward(model, theta, {.batch = Batch::of({2}), .tokens = words, .positions = negative}); },
      {"positions[1] is -1"});
}

/// Hidden tokens at the left take no position of their own.
TEST(Refusal, OfPositionsLooksAtThoseThatAreGiven) {
  const auto model = language_model(PreLN<double>(8), small, Embedding<double>(5, 8, 4, Positions::learned));
  Parameters theta(model);
  Tape tape(model);
  const std::vector<int> words{0, 0, 1, 2, 3, 4};
  const std::vector<std::uint8_t> hidden{1, 1, 0, 0, 0, 0};
  const std::vector<Index> positions{0, 0, 0, 1, 2, 3};
  const Batch batch = Batch::of({6}).hiding(hidden);
  EXPECT_NO_THROW(tape.forward(model, theta, {.batch = batch, .tokens = words, .positions = positions}));
  expect_sentence([&] { tape.forward(model, theta, {.batch = batch, .tokens = words}); },
                  {"need 6 positions", "positions for 4"});
}

/// Two models whose tensors have the same names and shapes, but that hold another `what`.
template <class M>
void expect_told_apart(const M& a, const M& b, const std::string& what) {
  const Parameters theta(a);
  ASSERT_EQ(theta.fingerprint(), Parameters<M>::fingerprint(b));
  Tape tape(b);
  const Tokens<double> x = Tokens<double>::Ones(3, 8);
  expect_sentence([&] { forward(b, theta, tape, Batch::of({3}), x); }, {"another " + what, "same names and shapes"});
}
/// A norm of one's own, with the parameters of another.
struct OwnNorm : LayerNorm<double> {
  using LayerNorm::LayerNorm;
};
TEST(Refusal, OfParametersOfAnotherSchemeOfTheSameShape) {
  using Norm = LayerNorm<double>;
  using Rms = RMSNorm<double>;
  const auto of = [](const AnyScheme<double>& scheme) { return encoder(scheme, small); };
  const Norm bare(8, 1e-5, true, false);
  expect_told_apart(of(PreLN<double, Rms, Rms>(8)), of(PreLN<double>(bare, bare)), "residual scheme");
  // Their parameters are of one type, too.
  expect_told_apart(of(PreLN<double>(8)), of(ResiDual<double>(8)), "residual scheme");
  expect_told_apart(of(PreLN<double>(8)), of(PostLN<double, Norm, Norm>(Norm(8), Norm(8))), "residual scheme");
}
TEST(Refusal, OfParametersOfAnotherNormOfTheSameShape) {
  using Norm = AnyNorm<double>;
  const auto of = [](const Norm& norm) { return encoder(PreLN<double, Norm, Norm>(norm, norm), small); };
  expect_told_apart(of(LayerNorm<double>(8)), of(OwnNorm(8)), "norm");
}

TEST(Refusal, OfATapeOfANormWithAnotherEpsilon) {
  using Norm = AnyNorm<double>;
  const auto with = [](double epsilon) {
    const Norm norm = LayerNorm<double>(8, epsilon);
    return encoder(PreLN<double, Norm, Norm>(norm, norm), small);
  };
  const auto model = with(1e-5);
  const Parameters theta(model);
  Tape tape(model), other(with(1e-3));
  const Tokens<double> x = Tokens<double>::Ones(3, 8);
  EXPECT_NO_THROW(forward(model, theta, tape, Batch::of({3}), x));
  expect_sentence([&] { forward(model, theta, other, Batch::of({3}), x); }, {"tape was made for another model"});
}

TEST(Refusal, OfRotationsThatCannotBe) {
  using R = Rotary<double>;
  using Rule = RopeScaling::Rule;
  expect_sentence([] { R(5); }, {"width is 5", "even"});
  expect_sentence([] { R(1024, {.theta = 1e-308}); }, {"theta is 1e-308", "larger theta"});
  expect_sentence([] { R(1024, {.theta = 1e-300, .longest = 0}); }, {"theta is 1e-300", "larger theta"});
  EXPECT_NO_THROW(R(1024, {.theta = 1e-200}));
  expect_sentence([] { R(4, {.layout = RotaryLayout(7)}); }, {"Rotary: layout is number 7", "RotaryLayout::half"});
  expect_sentence([] { R(0); }, {"width is 0"});
  expect_sentence([] { R(4, {.theta = 0}); }, {"theta is 0"});
  expect_sentence([] { R(4, {.theta = 1, .scaling = {.rule = Rule::yarn, .factor = 2, .original = 8}}); },
                  {"theta is 1", "yarn"});
  expect_sentence([] { R(2, {.scaling = {.rule = Rule::ntk, .factor = 2}}); }, {"ntk"});
  expect_sentence([] { R(4, {.scaling = {.rule = Rule::llama3, .factor = 2}}); }, {"original is 0"});
  const double infinity = std::numeric_limits<double>::infinity();
  const auto expect_refusal = [](const RopeScaling& scaling, const std::string& words) {
    expect_sentence([&] { R(4, {.scaling = scaling}); }, {words});
  };
  expect_refusal({.rule = Rule::llama3, .original = infinity}, "original is inf");
  expect_refusal({.rule = Rule::yarn, .original = infinity}, "original is inf");
  expect_refusal({.rule = Rule::llama3, .original = 8, .high_freq = infinity}, "high_freq inf");
  expect_refusal({.rule = Rule::yarn, .original = 8, .beta_fast = infinity}, "beta_fast is inf");
  expect_sentence([] { R(4, {.scaling = {.rule = Rule::linear, .factor = 0.5}}); }, {"factor is 0.5"});
  expect_sentence([] { R(4, {.scaling = {.rule = Rule::yarn, .factor = 2, .original = 8, .attention_factor = -1}}); },
                  {"attention_factor is -1"});
  expect_refusal({.rule = Rule(9)}, "RopeScaling: rule is number 9");
  expect_refusal({.factor = 8}, "factor is 8, but the rule none does not read it");
  expect_refusal({.rule = Rule::linear, .factor = 8, .original = 64}, "original is 64, but the rule linear");
  expect_refusal({.rule = Rule::linear, .factor = 8, .attention_factor = 1}, "attention_factor is 1");
  expect_refusal({.rule = Rule::ntk, .factor = 8, .low_freq = 2}, "low_freq is 2, but the rule ntk");
  expect_refusal({.rule = Rule::yarn, .factor = 8, .original = 64, .high_freq = 5}, "high_freq is 5");
  expect_refusal({.rule = Rule::llama3, .factor = 8, .original = 64, .beta_fast = 16}, "beta_fast is 16");
  expect_refusal({.rule = Rule::llama3, .factor = 8, .original = 64, .beta_slow = 2}, "beta_slow is 2");
  SelfAttentionWith<double, Rotary<double>> wide{.dim = 8, .heads = 4, .maps = {R(4)}};
  expect_sentence([&] { wide.check(); }, {"turns 4 entries", "has 2"});
}

TEST(Refusal, OfHeadsAndReachesThatCannotBe) {
  using A = SelfAttention<double>;
  expect_sentence([] { A{.dim = 8, .heads = 4, .kv_heads = 3}.check(); }, {"heads 4", "kv_heads 3"});
  expect_sentence([] { A{.dim = 8, .heads = 4, .kv_heads = -1}.check(); }, {"kv_heads -1"});
  expect_sentence([] { A{.dim = 8, .heads = 4, .window = 3}.check(); }, {"window is 3", "causal"});
  expect_sentence([] { A{.dim = 8, .heads = 4, .causal = true, .window = -3}.check(); }, {"window -3"});
  expect_sentence([] { A{.dim = 8, .heads = 4, .causal = true, .chunk = 2}.check(); }, {"chunks of 2"});
  expect_sentence([] { A{.dim = 8, .heads = 4, .scores = {.softcap = -1}}.check(); }, {"softcap -1"});
  EXPECT_NO_THROW((A{.dim = 10, .heads = 3, .head_dim = 4}.check()));
}

TEST(Chunks, AStreamThatHasEndedMayStandBesideOneThatGoesOn) {
  const Stack<PreLN<float>, SelfAttention<float>> stack{PreLN<float>(8), {{.dim = 8, .heads = 2, .chunk = 4}}, 1};
  Parameters theta(stack);
  Decoding decoding(stack, theta, {.sequences = 2, .longest = 12});
  const Tokens<float> x = Tokens<float>::Ones(7, 8);
  decoding.start(2);
  decoding.step({.batch = Batch::of({3, 4}), .x = x});
  EXPECT_NO_THROW(decoding.step({.batch = Batch::of({0, 4}), .x = In<float>(x).rows_from(0, 4)}));
}

TEST(Masks, ReachTheStackWithinANestedChain) {
  const auto model = chain(chain(Linear<double>{4, 8}, encoder(PreLN<double>(8), small)));
  Parameters theta(model);
  Tape tape(model);
  const Tokens<double> x = Tokens<double>::Ones(3, 4), mask = Tokens<double>::Zero(3, 3);
  EXPECT_NO_THROW(tape.forward(model, theta, {.batch = Batch::of({3}), .x = x, .attn_mask = mask}));
}

TEST(Masks, ReachTheStackBehindANestedChain) {
  const auto model = chain(chain(Linear<double>{4, 8}), encoder(PreLN<double>(8), small));
  Parameters theta(model);
  Tape tape(model);
  const Tokens<double> x = Tokens<double>::Ones(3, 4), mask = Tokens<double>::Zero(3, 3);
  EXPECT_NO_THROW(tape.forward(model, theta, {.batch = Batch::of({3}), .x = x, .attn_mask = mask}));
}

}  // namespace
