// A sequence of a million tokens.
// group: slow_laws
// labels: slow
#include <gtest/gtest.h>

#include "residual/wiring/pre_ln.hpp"
#include "support/endless_models.hpp"

namespace {

using namespace test_support;

/// A million steps end with the bits of a pass over the last tokens, which has all that the blocks see and begins where a
/// tile of keys does.
TEST(EndlessDecoding, RunsForAMillionSteps) {
  constexpr Index steps = 1'000'000, window = 6, tile = Attention<float>::key_block, last = steps % tile + tile;
  const auto model = turning_stack(PreLN<float>(8), window);
  Parameters theta(model);
  randomise(theta, 1);
  const Tokens<float> x = random_tokens<float>(257, 8, 2);
  Tokens<float> end(last, 8), y(last, 8);
  Decoding decoding(model, theta, Endless{.sequences = 1, .step = 1});
  decoding.start(1);
  const Batch one = Batch::of({1});
  for (Index i = 0; i < steps; ++i) {
    const In<float> now = In<float>(x).rows_from(i % x.rows(), 1), out = decoding.step({.batch = one, .x = now});
    if (const Index row = i - (steps - last); row >= 0) end.row(row) = now.row(0), y.row(row) = out.row(0);
  }
  std::vector<Index> positions;
  for (Index i = 0; i < last; ++i) positions.push_back(steps - last + i);
  Tape tape(model);
  const In<float> whole = forward(model, theta, tape, {.batch = Batch::of({last}), .x = end, .positions = positions});
  constexpr Index exact = last - 2 * (window - 1);
  EXPECT_TRUE(y.allFinite());
  EXPECT_TRUE(same_bits(y.bottomRows(exact), whole.bottomRows(exact)));
}

}  // namespace
