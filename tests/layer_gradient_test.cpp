// Every layer's gradient against long double differences: all parameters, x and memory.
// group: layers
#include <gtest/gtest.h>

#include <limits>

#include "residual/residual.hpp"
#include "support/gradient_problem.hpp"
#include "support/single_layer.hpp"

namespace {

using namespace residual;
using test_support::Differences;
using test_support::Random;

/// The layer that make(S()) describes, as a model.
template <class Make>
auto alone(const Make& make) {
  return [&make](auto s) {
    using L = decltype(make(s));
    return test_support::SingleLayer<L>{make(s)};
  };
}

Index width(const auto& layer) {
  if constexpr (requires { layer.in; }) {
    return layer.in;
  } else {
    return layer.dim;
  }
}

/// Checks a layer on ragged sequences: without and with masks, without and with dropout, and in long double too.
template <class Make>
void check_layer(const Make& make) {
  const Index dim = width(make(1.0));
  const bool reads_memory = requires { decltype(make(1.0))::reads_memory; };
  const std::vector<Index> lengths{3, 0, 1, 5, 2};
  const auto memory_lengths = reads_memory ? std::vector<Index>{2, 4, 0, 3, 1} : std::vector<Index>{};
  for (std::uint64_t round = 0; round < 8; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Random random(round);
    const bool masked = round % 2 == 1;
    auto scene =
        (masked ? test_support::masked_scene : test_support::plain_scene)(random, dim, lengths, memory_lengths);
    if (round / 2 % 2 == 1) scene.seed = round;
    const auto report = test_support::check_gradient(alone(make), scene, random);
    EXPECT_TRUE(report) << report.message();
    const auto precise = test_support::check_gradient<long double>(alone(make), scene, random, 1e-13L);
    EXPECT_TRUE(precise) << precise.message();
  }
}

TEST(LayerGradient, Linear) {
  check_layer([]<class S>(S) { return Linear<S>{4, 7}; });
  check_layer([]<class S>(S) { return Linear<S>{5, 1}; });
  check_layer([]<class S>(S) { return Linear<S>{1, 6, false}; });
}
TEST(LayerGradient, LayerNorm) {
  check_layer([]<class S>(S) { return LayerNorm<S>(7); });
  check_layer([]<class S>(S) { return LayerNorm<S>(8, S(0.1), true, false); });
  check_layer([]<class S>(S) { return LayerNorm<S>(13, S(1e-7), false); });
}
TEST(LayerGradient, RMSNorm) {
  check_layer([]<class S>(S) { return RMSNorm<S>(7); });
  check_layer([]<class S>(S) { return RMSNorm<S>(8, S(0.1)); });
  check_layer([]<class S>(S) { return RMSNorm<S>(13, S(1e-7), false); });
}

class ActivationGradient : public ::testing::TestWithParam<Activation> {};
TEST_P(ActivationGradient, FeedForward) {
  check_layer([]<class S>(S) { return FeedForward<S>{4, 9, GetParam()}; });
  check_layer([]<class S>(S) { return FeedForward<S>{5, 8, GetParam(), false}; });
  check_layer([]<class S>(S) { return FeedForward<S>{3, 5, GetParam(), true, 0.3}; });
}
TEST_P(ActivationGradient, GatedFeedForward) {
  check_layer([]<class S>(S) { return GatedFeedForward<S>{4, 7, GetParam()}; });
  check_layer([]<class S>(S) { return GatedFeedForward<S>{5, 8, GetParam(), false}; });
  check_layer([]<class S>(S) { return GatedFeedForward<S>{3, 5, GetParam(), true, 0.3}; });
}
INSTANTIATE_TEST_SUITE_P(All, ActivationGradient,
                         ::testing::Values(Activation::relu, Activation::gelu_erf, Activation::gelu_tanh,
                                           Activation::silu));

TEST(LayerGradient, SelfAttention) {
  check_layer([]<class S>(S) { return SelfAttention<S>{6, 2}; });
  check_layer([]<class S>(S) { return SelfAttention<S>{5, 1, true}; });
  check_layer([]<class S>(S) { return SelfAttention<S>{6, 3, false, false}; });
  check_layer([]<class S>(S) { return SelfAttention<S>{4, 2, true, true, 0.25}; });
}
TEST(LayerGradient, CrossAttention) {
  check_layer([]<class S>(S) { return CrossAttention<S>{6, 2}; });
  check_layer([]<class S>(S) { return CrossAttention<S>{5, 1, false}; });
  check_layer([]<class S>(S) { return CrossAttention<S>{4, 2, true, 0.25}; });
}

/// Sizes beyond one tile of attention, one block of a product and one block of rows, with one difference a tensor.
template <class Make>
void check_large(const Make& make, const std::vector<Index>& lengths, const std::vector<Index>& memory_lengths = {}) {
  for (const bool masked : {false, true}) {
    Random random(1);
    auto scene = (masked ? test_support::masked_scene : test_support::plain_scene)(random, width(make(1.0)), lengths,
                                                                                   memory_lengths);
    scene.seed = 5;
    const auto report = test_support::check_gradient(alone(make), scene, random, 1e-11L, Differences::by_tensor);
    EXPECT_TRUE(report) << report.message();
  }
}

TEST(LargeLayerGradient, Linear) {
  check_large([]<class S>(S) { return Linear<S>{300, 70}; }, {150, 120});
}
/// Rows of a block of a feed-forward layer, however many there are.
const Index block = row_block(Serial::instance(), std::numeric_limits<Index>::max());
TEST(LargeLayerGradient, FeedForward) {
  check_large([]<class S>(S) { return FeedForward<S>{20, 70, Activation::gelu_erf, true, 0.1}; }, {block - 9, 30});
}
TEST(LargeLayerGradient, GatedFeedForward) {
  check_large([]<class S>(S) { return GatedFeedForward<S>{20, 70, Activation::silu, true, 0.1}; }, {block - 9, 30});
}
TEST(LargeLayerGradient, SelfAttention) {
  check_large([]<class S>(S) { return SelfAttention<S>{32, 2}; }, {200, 97, 64});
  check_large([]<class S>(S) { return SelfAttention<S>{6, 2, true, true, 0.1}; }, {200, 97, 64});
}
TEST(LargeLayerGradient, CrossAttention) {
  check_large([]<class S>(S) { return CrossAttention<S>{6, 2, true, 0.1}; }, {100, 3, 96}, {3, 200, 65});
}

}  // namespace
