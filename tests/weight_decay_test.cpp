// Which numbers of a model decay.
// group: training
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

/// Tables decay, and of what a scheme owns only what says so, whatever its shape.
struct Owner {
  using Scalar = double;
  bool operator==(const Owner&) const = default;
  struct Params {
    TokensView<double> words, mixing, routes;
    RowView<double> gate, prompt;
    void carve(Carver<double>& c, const Owner&) {
      c.table("words", words, 3, 2);
      c("mixing", mixing, 2, 2, starts::identity());
      c("routes", routes, 2, 2, starts::identity().decaying());
      c("gate", gate, 2, starts::ones());
      c("prompt", prompt, 2, starts::zeros().decaying());
    }
  };
};

TEST(WeightDecay, IsSaidWhereATensorIsListed) {
  const Parameters theta{Owner()};
  const Column<double> mask = decay_mask(theta);
  Column<double> expected = Column<double>::Zero(18);
  expected.head(6).setOnes();
  expected.segment(10, 4).setOnes();
  expected.tail(2).setOnes();
  EXPECT_EQ(mask, expected);
}

TEST(WeightDecay, AMatrixOfOneRowDecaysToo) {
  const auto model = encoder(PreLN<double>(1), {.dim = 1, .heads = 1, .hidden = 1, .depth = 1});
  const Parameters theta(model);
  EXPECT_EQ(decay_mask(theta).sum(), 3 + 1 + 1 + 1);
}

}  // namespace
