// LLaMA-Adapter's prompts, value residual and RealFormer's attention: what they add, what they leave alone, and what is refused.
// group: models
#include "residual/layers/attention/gated_prompts.hpp"

#include <gtest/gtest.h>

#include "residual/kernel/threads.hpp"
#include "residual/layers/attention/rotary.hpp"
#include "residual/layers/attention/value_residual.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/residual_attention.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/expect_sentence.hpp"
#include "support/gradient_problem.hpp"
#include "support/random.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;
using test_support::Random;
using test_support::same_bits;

/// Two causal Pre-LN blocks, 8 wide, with `count` prompts from block `first` on.
template <class S>
auto prompted(Index count, Index first) {
  using A = SelfAttentionOf<S, GatedPrompts<S>, Rotary<S>>;
  const A attention{.dim = 8,
                    .heads = 2,
                    .causal = true,
                    .inner = {.dim = 8, .heads = 2, .count = count, .first = first},
                    .maps = {Rotary<S>(4)}};
  return encoder(PreLN<S>(8), {.depth = 2}, attention, GatedFeedForward<S>{8, 12});
}
/// Those with values mixed.
auto mixed(double share) {
  const SelfAttentionWith<double, ValueResidual<double>> attention{
      .dim = 8, .heads = 2, .maps = {ValueResidual<double>{share}}};
  return encoder(PreLN<double>(8), {.depth = 3}, attention, GatedFeedForward<double>{8, 12});
}

/// The base's parameters, copied into those tensors of `to` that have the same names.
template <class M, class B>
void copy_shared(const Parameters<B>& base, Parameters<M>& to) {
  for (const auto& entry : to.manifest()) {
    if (entry.name.find("adapter") != std::string::npos) continue;
    to.flat().segment(entry.offset, entry.size()) = test_support::tensor(base, entry.name);
  }
}

TEST(GatedPrompts, LeaveEveryBitWhileTheirGatesAreZero) {
  const auto base = prompted<float>(0, 0), model = prompted<float>(3, 1);
  Parameters theta(base), with(model), gradient(model);
  test_support::randomise(theta, 1);
  test_support::randomise(with, 2);
  copy_shared(theta, with);
  test_support::tensor(with, "layers.1.self_attn.adapter_gate").setZero();
  Tape a(base), b(model);
  const Batch batch = Batch::of({5, 0, 9});
  const auto x = test_support::random_tokens<float>(14, 8, 3);
  const Tokens<float> y = forward(base, theta, a, batch, x);
  EXPECT_TRUE(same_bits(y, forward(model, with, b, batch, x)));

  gradient.flat().setZero();
  backward(model, with, b, y, gradient);
  EXPECT_EQ(test_support::tensor(gradient, "layers.1.self_attn.adapter_prompt").cwiseAbs().maxCoeff(), 0);
  EXPECT_GT(test_support::tensor(gradient, "layers.1.self_attn.adapter_gate").cwiseAbs().minCoeff(), 0);
}

TEST(GatedPrompts, StandInTheBlocksFromTheFirstThatHasThem) {
  std::vector<std::string> names;
  for (const auto& entry : Parameters<decltype(prompted<float>(3, 1))>::manifest(prompted<float>(3, 1))) {
    if (entry.name.find("adapter") != std::string::npos) names.push_back(entry.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"layers.1.self_attn.adapter_prompt", "layers.1.self_attn.adapter_gate"}));
}

TEST(GatedPrompts, AreASoftmaxOfTheirOwn) {
  using A = SelfAttentionOf<double, GatedPrompts<double>>;
  const A attention{.dim = 6, .heads = 1, .causal = true, .inner = {.dim = 6, .heads = 1, .count = 4}};
  const Stack<PreLN<double>, A> stack{PreLN<double>(6), {attention}, 1};
  Parameters theta(stack);
  test_support::randomise(theta, 5);
  Tape tape(stack);
  const auto x = test_support::random_tokens<double>(3, 6, 6);
  const Tokens<double> y = forward(stack, theta, tape, Batch::of({3}), x);

  Parameters closed = theta;
  test_support::tensor(closed, "layers.0.self_attn.adapter_gate").setZero();
  Tape other(stack);
  const Tokens<double> plain = forward(stack, closed, other, Batch::of({3}), x);

  // Without the last norm, which PreLN has, the difference would be tanh(gate) softmax(q K^T / sqrt(6)) V W_out: so the
  // streams in front of it are compared.
  struct Last final : Observer<double> {
    Tokens<double> stream;
    void streams(Site, const Streams<double>& s) override { stream = s[0]; }
  } with, without;
  tape.observe(&with);
  other.observe(&without);
  forward(stack, theta, tape, Batch::of({3}), x);
  forward(stack, closed, other, Batch::of({3}), x);
  const auto matrix = [&](const std::string& name, Index rows, Index cols) {
    return Tokens<double>(
        Eigen::Map<const Tokens<double>>(test_support::tensor(theta, "layers.0." + name).data(), rows, cols));
  };
  const auto W = matrix("self_attn.in_proj_weight", 6, 18), b = matrix("self_attn.in_proj_bias", 1, 18);
  const auto gain = matrix("norm1.weight", 1, 6), beta = matrix("norm1.bias", 1, 6);
  const auto prompt = matrix("self_attn.adapter_prompt", 4, 6);
  Tokens<double> h = x;
  for (Index i = 0; i < 3; ++i) {
    const double mean = x.row(i).mean();
    const double deviation = std::sqrt((x.row(i).array() - mean).square().mean() + 1e-5);
    h.row(i) = ((x.row(i).array() - mean) / deviation * gain.array() + beta.array()).matrix();
  }
  const Tokens<double> q = (h * W.leftCols(6)).rowwise() + b.row(0).head(6);
  const Tokens<double> k = (prompt * W.middleCols(6, 6)).rowwise() + b.row(0).segment(6, 6);
  const Tokens<double> v = (prompt * W.rightCols(6)).rowwise() + b.row(0).tail(6);
  Tokens<double> p = (q * k.transpose() / std::sqrt(6.0)).array().exp();
  for (Index i = 0; i < 3; ++i) p.row(i) /= p.row(i).sum();
  const double gate = std::tanh(test_support::tensor(theta, "layers.0.self_attn.adapter_gate")[0]);
  const Tokens<double> expected = gate * p * v * matrix("self_attn.out_proj.weight", 6, 6);
  EXPECT_TRUE(test_support::near(with.stream - without.stream, expected, 1e-13));
  EXPECT_FALSE(test_support::near(y, plain, 1e-3));
}

TEST(GatedPrompts, MustFitTheirAttention) {
  auto wrong = prompted<float>(3, 0);
  std::get<0>(wrong.sublayers).inner.heads = 4;
  expect_sentence([&] { wrong.check(); }, {"GatedPrompts: dim 8, heads 4", "the attention has dim 8, heads 2"});
  auto negative = prompted<float>(3, 0);
  std::get<0>(negative.sublayers).inner.count = -1;
  expect_sentence([&] { negative.check(); }, {"GatedPrompts: count -1"});
}

TEST(ValueResidual, WithoutAShareIsNone) {
  const auto base = encoder(PreLN<double>(8), {.depth = 3}, SelfAttention<double>{.dim = 8, .heads = 2},
                            GatedFeedForward<double>{8, 12});
  const auto model = mixed(0);
  Parameters theta(base);
  Parameters same(model);
  test_support::randomise(theta, 1);
  same.flat() = theta.flat();
  Tape a(base);
  Tape b(model);
  const auto x = test_support::random_tokens<double>(7, 8, 3);
  EXPECT_TRUE(same_bits(forward(base, theta, a, Batch::of({3, 4}), x), forward(model, same, b, Batch::of({3, 4}), x)));
}

TEST(ValueResidual, WithAllOfTheShareNoLaterValueCounts) {
  const auto model = mixed(1);
  Parameters theta(model), other(model);
  test_support::randomise(theta, 1);
  other.flat() = theta.flat();
  for (const char* block : {"layers.1.", "layers.2."}) {  // other values there
    auto weight = test_support::tensor(other, std::string(block) + "self_attn.in_proj_weight");
    Eigen::Map<Tokens<double>>(weight.data(), 8, 24).rightCols(8).setConstant(3);
  }
  Tape a(model), b(model);
  const auto x = test_support::random_tokens<double>(7, 8, 3);
  EXPECT_TRUE(same_bits(forward(model, theta, a, Batch::of({7}), x), forward(model, other, b, Batch::of({7}), x)));
}

TEST(ValueResidual, IsRefusedOutOfItsRangeAndItsStack) {
  expect_sentence([] { mixed(1.5).check(); }, {"ValueResidual: share is 1.5", "between 0 and 1"});
  const ValueResidual<float> map;
  ValueResidual<float>::Tape tape;
  const Batch batch = Batch::of({1});
  Workspace<float> workspace;
  Pass<float> pass{batch, workspace};
  pass.block = 2;
  Tokens<float> m(1, 4);
  const QKV<Out<float>> x{m, m, m};
  expect_sentence(
      [&] {
        map.forward({}, tape, pass, Heads{1, 1, 4}, x);
      },
      {"ValueResidual: block 2", "use the layer in a Stack"});
}

/// Blocks whose logits are handed on.
template <class S>
auto handing_on(Index depth, bool causal) {
  const ResidualAttention<S> attention{
      .dim = 8, .heads = 4, .blocks = depth, .causal = causal, .kv_heads = 2, .scores = {.softcap = 3}};
  return encoder(PreLN<S>(8), {.depth = depth}, attention, GatedFeedForward<S>{8, 12});
}

TEST(ResidualAttention, HasTheGradientOfDifferences) {
  Random random(4);
  for (const bool causal : {false, true}) {
    const auto scene = test_support::random_scene(random, 8, false);
    const auto report =
        test_support::check_gradient([causal]<class S>(S) { return handing_on<S>(3, causal); }, scene, random);
    EXPECT_TRUE(report) << report.message();
  }
}

TEST(ResidualAttention, IsSelfAttentionInTheFirstBlock) {
  const auto own = handing_on<double>(1, true);
  const auto plain =
      encoder(PreLN<double>(8), {.depth = 1},
              SelfAttention<double>{.dim = 8, .heads = 4, .causal = true, .kv_heads = 2, .scores = {.softcap = 3}},
              GatedFeedForward<double>{8, 12});
  Parameters theta(own);
  Parameters same(plain);
  test_support::randomise(theta, 1);
  same.flat() = theta.flat();
  Tape a(own);
  Tape b(plain);
  const auto x = test_support::random_tokens<double>(40, 8, 3);
  const Batch batch = Batch::of({33, 0, 7});
  EXPECT_TRUE(same_bits(forward(own, theta, a, batch, x), forward(plain, same, b, batch, x)));
}

TEST(ResidualAttention, ComputedAgainOrOnThreadsIsTheSame) {
  auto model = handing_on<float>(3, true);
  Parameters theta(model);
  test_support::randomise(theta, 1);
  const auto x = test_support::random_tokens<float>(150, 8, 3), dy = test_support::random_tokens<float>(150, 8, 4);
  const Batch batch = Batch::of({90, 60});
  const auto gradient_of = [&](Recompute recompute, const Executor& executor) {
    model.recompute = recompute;
    Parameters gradient(model);
    Tape tape(model, executor);
    forward(model, theta, tape, batch, x);
    backward(model, theta, tape, dy, gradient);
    return Column<float>(gradient.flat());
  };
  const Threads threads(3);
  const auto expected = gradient_of(Recompute::nothing, Serial::instance());
  for (const Recompute recompute : {Recompute::nothing, Recompute::sublayers, Recompute::blocks}) {
    EXPECT_TRUE(same_bits(expected, gradient_of(recompute, threads)));
  }
}

TEST(ResidualAttention, MustKnowTheDepthOfItsStack) {
  auto model = handing_on<float>(2, false);
  std::get<0>(model.sublayers).blocks = 1;
  Parameters theta(model);
  Tape tape(model);
  const auto x = test_support::random_tokens<float>(3, 8, 3);
  expect_sentence([&] { forward(model, theta, tape, Batch::of({3}), x); },
                  {"ResidualAttention: block 1", "made for 1 blocks"});
  std::get<0>(model.sublayers).blocks = 0;
  expect_sentence([&] { model.check(); }, {"ResidualAttention: blocks is 0"});
}

}  // namespace
