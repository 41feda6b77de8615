// What schemes own begins as their papers say, and weight decay does not pull at it.
#include <gtest/gtest.h>

#include "residual/wiring/admin.hpp"
#include "residual/wiring/layer_scale.hpp"
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

}  // namespace
