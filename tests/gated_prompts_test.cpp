// LLaMA-Adapter's prompts: what they add, what they leave alone, and what is refused.
// group: models
#include "residual/layers/attention/gated_prompts.hpp"

#include <gtest/gtest.h>

#include "residual/layers/attention/rotary.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/self_attention.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/expect_sentence.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;
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

}  // namespace
