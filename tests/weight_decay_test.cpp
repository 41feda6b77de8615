// Which numbers of a model decay.
#include "residual/train/weight_decay.hpp"

#include <gtest/gtest.h>

#include "residual/model/encoder.hpp"
#include "residual/wiring/pre_ln.hpp"

namespace {

using namespace residual;

TEST(WeightDecay, SparesBiasesAndNorms) {
  const auto model = encoder(PreLN<float>(8), {.dim = 8, .heads = 2, .hidden = 12, .depth = 3});
  const Parameters theta(model);
  const Column<float> mask = decay_mask(theta);
  ASSERT_EQ(mask.size(), theta.size());
  for (const auto& entry : theta.manifest()) {
    const bool matrix = entry.rows > 1;
    EXPECT_TRUE((mask.segment(entry.offset, entry.size()).array() == float(matrix)).all()) << entry.name;
  }
  EXPECT_EQ(mask.sum(), 3 * (8 * 24 + 8 * 8 + 2 * 8 * 12));
}

TEST(WeightDecay, AMatrixOfOneRowDecaysToo) {
  const auto model = encoder(PreLN<double>(1), {.dim = 1, .heads = 1, .hidden = 1, .depth = 1});
  const Parameters theta(model);
  EXPECT_EQ(decay_mask(theta).sum(), 3 + 1 + 1 + 1);
}

}  // namespace
