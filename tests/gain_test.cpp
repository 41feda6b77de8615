// Which tensors a gain reaches, and DeepNorm's constants against the paper's numbers.
#include "residual/train/gain.hpp"

#include <gtest/gtest.h>

namespace {

using namespace residual;

TEST(Gain, OutputGainReachesTheTwoOutputProjections) {
  const OutputGain gain{0.125};
  EXPECT_EQ(gain("layers.3.self_attn.out_proj.weight", 0), 0.125);
  EXPECT_EQ(gain("layers.3.multihead_attn.out_proj.weight", 0), 0.125);
  EXPECT_EQ(gain("layers.3.linear2.weight", 0), 0.125);
  EXPECT_EQ(gain("layers.3.down_proj.weight", 0), 0.125);
  for (const char* name : {"layers.3.self_attn.in_proj_weight", "layers.3.linear1.weight", "layers.3.linear2.bias",
                           "layers.3.up_proj.weight", "layers.3.self_attn.out_proj.bias", "norm.weight"}) {
    EXPECT_EQ(gain(name, 2), 1) << name;
  }
}

TEST(Gain, DeepNormLeavesQueriesAndKeys) {
  const DeepNormGain gain{0.5};
  for (const char* name : {"layers.0.self_attn.out_proj.weight", "layers.0.linear1.weight", "layers.0.linear2.weight",
                           "layers.0.up_proj.weight", "layers.0.down_proj.weight"}) {
    EXPECT_EQ(gain(name, 0), 0.5) << name;
  }
  EXPECT_EQ(gain("layers.0.self_attn.in_proj_weight", 0), 1);
  EXPECT_EQ(gain("layers.0.self_attn.in_proj_weight", 1), 1);
  EXPECT_EQ(gain("layers.0.self_attn.in_proj_weight", 2), 0.5);
  for (const char* name : {"layers.0.self_attn.in_proj_bias", "layers.0.linear1.bias", "layers.0.gate_proj.weight",
                           "layers.0.norm1.weight"}) {
    EXPECT_EQ(gain(name, 2), 1) << name;
  }
}

TEST(Gain, DeepNormsConstants) {
  const auto alone = deep_norm(8);  // 16^(1/4), 64^(-1/4)
  EXPECT_DOUBLE_EQ(alone.alpha, 2);
  EXPECT_DOUBLE_EQ(alone.beta, 0.35355339059327376);
  const auto encoder = deep_norm_encoder(4, 256);  // (2^8 2^8)^(1/16) = 2
  EXPECT_DOUBLE_EQ(encoder.alpha, 1.62);
  EXPECT_DOUBLE_EQ(encoder.beta, 0.435);
  const auto decoder = deep_norm_decoder(27);  // 81^(1/4), 324^(-1/4) = 1 / sqrt 18
  EXPECT_DOUBLE_EQ(decoder.alpha, 3);
  EXPECT_DOUBLE_EQ(decoder.beta, 0.23570226039551584);
}

TEST(Gain, DeepNormNeedsLayers) {
  EXPECT_THROW(deep_norm(0), std::invalid_argument);
  EXPECT_THROW(deep_norm_encoder(0, 6), std::invalid_argument);
  EXPECT_THROW(deep_norm_encoder(6, 0), std::invalid_argument);
  EXPECT_THROW(deep_norm_decoder(-1), std::invalid_argument);
}

}  // namespace
