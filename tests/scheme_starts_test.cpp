// What schemes own begins as their papers say, and weight decay does not pull at it.
// group: schemes
#include <gtest/gtest.h>

#include "residual/train/weight_decay.hpp"
#include "residual/wiring/admin.hpp"
#include "residual/wiring/dense_former.hpp"
#include "residual/wiring/dlcl_pre.hpp"
#include "residual/wiring/hyper_connections.hpp"
#include "residual/wiring/layer_scale.hpp"
#include "residual/wiring/manifold_hyper_connections.hpp"
#include "residual/wiring/mix_ln.hpp"
#include "residual/wiring/skip_init.hpp"
#include "residual/wiring/x0_injection.hpp"
#include "support/stacks.hpp"

namespace {

using namespace residual;

/// The start of a tensor in an encoder of that many blocks.
double start(const AnyScheme<double>& scheme, Index blocks, const std::string& name) {
  const auto model = encoder(scheme, {.dim = 4, .heads = 1, .hidden = 4, .depth = blocks});
  const auto manifest = Parameters<test_support::AnyEncoder<double>>::manifest(model);
  const ManifestEntry& entry = find_tensor(manifest, name);
  EXPECT_FALSE(entry.decays()) << name;
  return entry.start.entry(0, entry.cols - 1, entry.start.value);
}

TEST(SchemeStarts, GatesAndFactors) {
  EXPECT_EQ(start(ReZero<double>(4), 2, "layers.1.gate"), 0);
  EXPECT_EQ(start(SkipInit<double>(4), 2, "layers.1.gate2"), 0);
  EXPECT_EQ(start(Admin<double>(4), 2, "layers.1.omega2"), 1);
}
TEST(SchemeStarts, LayerScaleFallsWithTheDepth) {
  EXPECT_EQ(start(LayerScale<double>(4), 18, "layers.17.scale2"), 0.1);
  EXPECT_EQ(start(LayerScale<double>(4), 19, "layers.0.scale1"), 1e-5);
  EXPECT_EQ(start(LayerScale<double>(4), 24, "layers.0.scale1"), 1e-5);
  EXPECT_EQ(start(LayerScale<double>(4), 25, "layers.0.scale1"), 1e-6);
}
TEST(SchemeStarts, MixLNHasItsPartOfPostLNBlocks) {
  const auto post_blocks = [](double a, Index blocks) {
    const MixLN<double> scheme(4, a);
    Index count = 0;
    for (Index block = 0; block < blocks; ++block) count += scheme.is_post(Site{block, 0, blocks, 2}) ? 1 : 0;
    return count;
  };
  EXPECT_EQ(post_blocks(0.25, 3), 0);
  EXPECT_EQ(post_blocks(0.25, 11), 2);
  for (Index blocks = 1; blocks <= 100; ++blocks) {
    for (Index part = 0; part <= 100; ++part) {
      EXPECT_EQ(post_blocks(double(part) / 100, blocks), part * blocks / 100) << part << "% of " << blocks;
    }
  }
}
TEST(SchemeStarts, X0InjectionFallsOverTheBlocks) {
  const X0Injection<double> scheme(4);
  EXPECT_EQ(start(scheme, 1, "layers.0.resid_lambda"), 1.15);
  EXPECT_EQ(start(scheme, 1, "layers.0.x0_lambda"), 0.20);
  EXPECT_EQ(start(scheme, 5, "layers.0.resid_lambda"), 1.15);
  EXPECT_NEAR(start(scheme, 5, "layers.2.resid_lambda"), 1.10, 1e-15);
  EXPECT_NEAR(start(scheme, 5, "layers.4.resid_lambda"), 1.05, 1e-15);
  EXPECT_NEAR(start(scheme, 5, "layers.2.x0_lambda"), 0.125, 1e-15);
  EXPECT_NEAR(start(scheme, 5, "layers.4.x0_lambda"), 0.05, 1e-15);
}
TEST(SchemeStarts, DlclReadsTheMeanOfItsHistory) {
  const auto model = encoder(DlclPre<double>(4), {.dim = 4, .heads = 1, .hidden = 4, .depth = 2});
  const auto manifest = Parameters<std::decay_t<decltype(model)>>::manifest(model);
  const Start start = find_tensor(manifest, "history.weight").start;
  const double expected[3][3] = {{1, 0, 0}, {0.5, 0.5, 0}, {1.0 / 3, 1.0 / 3, 1.0 / 3}};
  for (Index row = 0; row < 3; ++row) {
    for (Index col = 0; col < 3; ++col) EXPECT_EQ(start.entry(row, col, start.value), expected[row][col]);
  }
}
TEST(SchemeStarts, WithoutWeightDecayOfWhatIsStatic) {
  const auto mask_of = [](const AnyScheme<double>& scheme, const std::string& name) {
    const Parameters theta(encoder(scheme, {.dim = 4, .heads = 1, .hidden = 4, .depth = 2}));
    const ManifestEntry& entry = find_tensor(theta.manifest(), name);
    return decay_mask(theta).segment(entry.offset, entry.size()).mean();
  };
  const DynamicHyperConnections<double> dynamic(4);
  EXPECT_EQ(mask_of(dynamic, "layers.0.hc1.static_alpha"), 0);
  EXPECT_EQ(mask_of(dynamic, "layers.0.hc1.static_beta"), 0);
  EXPECT_EQ(mask_of(dynamic, "layers.0.hc1.dynamic_alpha_fn"), 1);
  EXPECT_EQ(mask_of(dynamic, "layers.0.hc1.dynamic_beta_fn"), 1);
  const ManifoldHyperConnections<double> manifold(4);
  EXPECT_EQ(mask_of(manifold, "layers.0.hc1.b_res"), 0);
  EXPECT_EQ(mask_of(manifold, "layers.0.hc1.phi_res"), 1);
  EXPECT_EQ(mask_of(DenseFormer<double>(4), "dwa.alphas.1.weight"), 0);
  EXPECT_EQ(mask_of(DlclPre<double>(4), "history.weight"), 0);
}

}  // namespace
