// Which numbers of a model decay.
// group: training
#include "residual/train/weight_decay.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "residual/model/encoder.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/sgd.hpp"
#include "residual/wiring/pre_ln.hpp"

#include "support/expect_sentence.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;

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

TEST(WeightDecay, MasksAreFiniteAndNotNegative) {
  for (const float bad : {-3.0f, std::nanf(""), std::numeric_limits<float>::infinity()}) {
    for (Index place = 0; place < 3; ++place) {
      Column<float> mask = Column<float>::Ones(3);
      mask[place] = bad;
      expect_sentence([&] { AdamW<float>(3, {}, mask); }, {"AdamW", "entry " + std::to_string(place), "decay_mask"});
      expect_sentence([&] { Sgd<float>(3, {}, mask); }, {"Sgd", "entry " + std::to_string(place), "decay_mask"});
    }
  }
}

/// Numbers that are finite as double, and infinite as float by themselves or times the factor of some parameters.
TEST(WeightDecay, AndRateAreFiniteInTheScalar) {
  const Parameters theta{Owner()};
  ParameterGroups decaying(theta), fast(theta);
  decaying.decay("words", 1e30);
  fast.rate("words", 1e30);
  expect_sentence([] { AdamW<float>(3, {.weight_decay = 1e300}); }, {"AdamW: weight_decay is 1e+300, but", "finite"});
  expect_sentence([] { Sgd<float>(3, {.weight_decay = 1e300}); }, {"Sgd: weight_decay is 1e+300, but", "finite"});
  AdamW<double>(decaying, {.weight_decay = 1e20});
  expect_sentence([&] { AdamW<float>(decaying, {.weight_decay = 1e20}); }, {"weight_decay is 1e+20", "1e+30 times"});
  expect_sentence([&] { Sgd<float>(decaying, {.weight_decay = 1e20}); }, {"weight_decay is 1e+20", "1e+30 times"});
  AdamW<float> adam(fast);
  Sgd<float> sgd(fast);
  const Column<float> ones = Column<float>::Ones(fast.size());
  Column<float> x = ones;
  for (const double rate : {1e20, 1e300}) {
    expect_sentence([&] { adam.step(x, ones, rate); }, {"AdamW: the learning rate is 1e+", "finite"});
    expect_sentence([&] { sgd.step(x, ones, rate); }, {"Sgd: the learning rate is 1e+", "finite"});
  }
  EXPECT_EQ(x, ones);
  EXPECT_EQ(adam.steps, 0);
}

}  // namespace
