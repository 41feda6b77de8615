// Value residual: what a share of the first values does, and where it is refused.
// group: models
#include "residual/layers/attention/value_residual.hpp"

#include <gtest/gtest.h>

#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/self_attention.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/expect_sentence.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;
using test_support::same_bits;

/// Three Pre-LN blocks, 8 wide, whose later values are mixed with the first ones.
auto mixed(double share) {
  const SelfAttentionWith<double, ValueResidual<double>> attention{
      .dim = 8, .heads = 2, .maps = {ValueResidual<double>{share}}};
  return encoder(PreLN<double>(8), {.depth = 3}, attention, GatedFeedForward<double>{8, 12});
}

TEST(ValueResidual, WithoutAShareIsNone) {
  const auto base = encoder(PreLN<double>(8), {.depth = 3}, SelfAttention<double>{.dim = 8, .heads = 2},
                            GatedFeedForward<double>{8, 12});
  const auto model = mixed(0);
  Parameters theta(base);
  Parameters same(model);
  test_support::randomise(theta, 1);
  same.flat() = theta.flat();
  Tape a(base);
  Tape b(model);
  const auto x = test_support::random_tokens<double>(7, 8, 3);
  EXPECT_TRUE(same_bits(forward(base, theta, a, Batch::of({3, 4}), x), forward(model, same, b, Batch::of({3, 4}), x)));
}

TEST(ValueResidual, WithAllOfTheShareNoLaterValueCounts) {
  const auto model = mixed(1);
  Parameters theta(model), other(model);
  test_support::randomise(theta, 1);
  other.flat() = theta.flat();
  for (const char* block : {"layers.1.", "layers.2."}) {  // other values there
    auto weight = test_support::tensor(other, std::string(block) + "self_attn.in_proj_weight");
    Eigen::Map<Tokens<double>>(weight.data(), 8, 24).rightCols(8).setConstant(3);
  }
  Tape a(model), b(model);
  const auto x = test_support::random_tokens<double>(7, 8, 3);
  EXPECT_TRUE(same_bits(forward(model, theta, a, Batch::of({7}), x), forward(model, other, b, Batch::of({7}), x)));
}

/// The gradient of three Pre-LN blocks with that attention.
template <class A>
Column<double> gradient(const A& attention, Recompute recompute) {
  const auto model =
      encoder(PreLN<double>(8), {.depth = 3, .recompute = recompute}, attention, GatedFeedForward<double>{8, 12});
  Parameters theta(model), g(model);
  test_support::randomise(theta, 1);
  Tape tape(model);
  const auto x = test_support::random_tokens<double>(7, 8, 3), dy = test_support::random_tokens<double>(7, 8, 4);
  forward(model, theta, tape, Batch::of({3, 4}), x);
  backward(model, theta, tape, dy, g);
  return g.flat();
}
TEST(ValueResidual, IsTheSameWhereItIsOptional) {
  using V = ValueResidual<double>;
  using Maybe = SelfAttentionWith<double, Optional<V>>;
  for (const auto recompute : {Recompute::nothing, Recompute::blocks}) {
    const Column<double> with = gradient(SelfAttentionWith<double, V>{.dim = 8, .heads = 2, .maps = {V{}}}, recompute),
                         without = gradient(SelfAttention<double>{.dim = 8, .heads = 2}, recompute);
    EXPECT_TRUE(same_bits(with, gradient(Maybe{.dim = 8, .heads = 2, .maps = {Optional<V>{V{}}}}, recompute)));
    EXPECT_TRUE(same_bits(without, gradient(Maybe{.dim = 8, .heads = 2}, recompute)));
    EXPECT_FALSE(same_bits(with, without));
  }
}

TEST(ValueResidual, IsRefusedOutOfItsRangeAndItsStack) {
  expect_sentence([] { mixed(1.5).check(); }, {"ValueResidual: share is 1.5", "between 0 and 1"});
  const ValueResidual<float> map;
  ValueResidual<float>::Tape tape;
  const Batch batch = Batch::of({1});
  Workspace<float> workspace;
  Pass<float> pass{batch, workspace};
  pass.block = 2;
  Tokens<float> m(1, 4);
  const QKV<Out<float>> x{m, m, m};
  expect_sentence(
      [&] {
        map.forward({}, tape, pass, Heads{1, 1, 4}, x);
      },
      {"ValueResidual: block 2", "use the layer in a Stack"});
}

}  // namespace
