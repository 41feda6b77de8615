// Which projections a gain reaches, and DeepNorm's constants against the paper's numbers.
// group: training
#include "residual/train/gain.hpp"

#include <gtest/gtest.h>

#include <set>

namespace {

using namespace residual;

/// The gain of a part with that projection of a tensor with that role.
template <class Gain>
double of(const Gain& gain, Projection projection, Role role = Role::weight) {
  const ManifestEntry tensor{.name = "any", .offset = 0, .rows = 4, .cols = 8, .layout = Layout::matrix, .role = role};
  const TensorPart columns{"", 8, projection};
  return gain(Part(tensor, columns));
}
constexpr Projection every[] = {Projection::general, Projection::query, Projection::key,  Projection::value,
                                Projection::output,  Projection::up,    Projection::gate, Projection::down};

TEST(Gain, OutputGainReachesTheWeightsThatWriteToTheStream) {
  const OutputGain gain{0.125};
  for (const Projection projection : every) {
    const bool output = projection == Projection::output || projection == Projection::down;
    EXPECT_EQ(of(gain, projection), output ? 0.125 : 1) << int(projection);
  }
}

TEST(Gain, DeepNormLeavesQueriesKeysAndGates) {
  const DeepNormGain gain{0.5};
  const std::set<Projection> scaled = {Projection::value, Projection::output, Projection::up, Projection::down};
  for (const Projection projection : every) {
    EXPECT_EQ(of(gain, projection), scaled.contains(projection) ? 0.5 : 1) << int(projection);
  }
}

TEST(Gain, OnlyWeightsHaveOne) {
  for (const Projection projection : every) {
    for (const Role role : {Role::bias, Role::embedding}) {
      EXPECT_EQ(of(OutputGain{0.125}, projection, role), 1) << int(projection);
      EXPECT_EQ(of(DeepNormGain{0.125}, projection, role), 1) << int(projection);
    }
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
