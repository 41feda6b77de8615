// RealFormer's attention: its gradient, its first block, recomputation and threads, and what is refused.
// group: models
#include "residual/layers/residual_attention.hpp"

#include <gtest/gtest.h>

#include "residual/kernel/threads.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/self_attention.hpp"
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
  ResidualAttention<float>& attention = std::get<0>(model.sublayers);
  EXPECT_NO_THROW(model.check());
  attention.blocks = 1;
  expect_sentence([&] { model.check(); }, {"ResidualAttention: it was made for 1 block,", "its stack has 2"});
  expect_sentence([&] { Parameters theta(model); }, {"its stack has 2"});

  const Batch batch = Batch::of({1});
  Workspace<float> workspace;
  Pass<float> pass{batch, workspace};
  pass.block = 1;
  ResidualAttention<float>::Tape tape;
  Tokens<float> m(1, 8);
  expect_sentence([&] { attention.forward({}, tape, pass, m, m); },
                  {"ResidualAttention: block 1", "made for 1 block of one"});
  attention.blocks = 0;
  expect_sentence([&] { model.check(); }, {"ResidualAttention: blocks is 0"});
  attention.blocks = Index(1) << 61;  // times the queries' width it would be 0
  expect_sentence([&] { model.check(); }, {"ResidualAttention: blocks is 2305843009213693952", "no memory holds"});
}

}  // namespace
