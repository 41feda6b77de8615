// A rotary map outside the library, in 40 lines, and stacks of sub-layers that the caller chose.
// group: models
#include <gtest/gtest.h>

#include "residual/layers/attention/qk_norm.hpp"
#include "residual/layers/attention/rotary.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/model/decoder.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/expect_sentence.hpp"
#include "support/gradient_problem.hpp"
#include "support/own_rotary.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;
using test_support::Random;

/// A causal Pre-LN encoder of width 8 whose attention has norms of queries and keys, and then this map.
template <class Map>
auto with_map(const Map& map) {
  using S = typename Map::Scalar;
  const QKNorm<S> norm{RMSNorm<S>(4), RMSNorm<S>(4)};
  const SelfAttentionWith<S, QKNorm<S>, Map> attention{
      .dim = 8, .heads = 2, .causal = true, .kv_heads = 1, .maps = {norm, map}};
  return encoder(PreLN<S>(8), {.depth = 2}, attention, GatedFeedForward<S>{8, 12});
}

TEST(OwnRotary, HasTheGradientOfDifferences) {
  Random random(1);
  for (int trial = 0; trial < 2; ++trial) {
    const auto scene = test_support::random_scene(random, 8, false);
    const auto report =
        test_support::check_gradient([]<class S>(S) { return with_map(own::Rotary<S>()); }, scene, random);
    EXPECT_TRUE(report) << report.message();
  }
}

TEST(OwnRotary, IsTheLibrarys) {
  Random random(2);
  const auto own = with_map(own::Rotary<double>());
  const auto theirs = with_map(Rotary<double>(4));
  Parameters mine(own);
  Parameters same(theirs);
  test_support::randomise(mine, 3);
  same.flat() = mine.flat();
  Tape a(own);
  Tape b(theirs);
  const Tokens<double> x = random.tokens(30, 8);
  EXPECT_TRUE(test_support::near(forward(own, mine, a, Batch::of({25, 0, 5}), x),
                                 forward(theirs, same, b, Batch::of({25, 0, 5}), x), 1e-12));
}

TEST(ChosenSublayers, MakeALanguageModelAndADecoder) {
  const LanguageModel model(Embedding<float>(5, 8, 9, Positions::none), with_map(Rotary<float>(4)));
  EXPECT_EQ(model.stack.heads(), 2);
  const auto stack =
      decoder(PreLN<float>(8), {.depth = 1, .bias = false}, SelfAttention<float>{.dim = 8, .heads = 2, .causal = true},
              CrossAttention<float>{.dim = 8, .heads = 4}, GatedFeedForward<float>{8, 12});
  EXPECT_EQ(stack.memory_heads(), 4);
  EXPECT_EQ(stack.wiring, without_bias(PreLN<float>(8)));
}

TEST(ChosenSublayers, RefuseAMapThatWasLeftOut) {
  expect_sentence([] { static_cast<void>(SelfAttentionWith<float, Rotary<float>>{.dim = 8, .heads = 2}); },
                  {"left out", ".maps = {..}"});
}

TEST(ChosenSublayers, RefuseSizesThatNobodyReadsAndOtherWidths) {
  const SelfAttention<float> attention{.dim = 8, .heads = 2};
  const FeedForward<float> ffn{8, 12};
  expect_sentence([&] { encoder(PreLN<float>(8), {.heads = 2, .depth = 1}, attention, ffn); },
                  {"sub-layers of your own", "depth, dropout, recompute", "give all others to the sub-layers"});
  expect_sentence([&] { encoder(PreLN<float>(9), {.depth = 1}, attention, ffn); }, {"9", "8", "same width"});
  expect_sentence([&] { encoder(PreLN<float>(8), {}, attention, ffn); }, {"depth", "must be given"});
}

}  // namespace
