// What a pooling takes of each sequence.
// group: models
#include "residual/layers/pool.hpp"

#include <gtest/gtest.h>

#include "residual/kernel/threads.hpp"
#include "residual/model/chain.hpp"
#include "support/same_bits.hpp"
#include "support/scene.hpp"

namespace {

using namespace residual;
using namespace test_support;
using test_support::Random;

TEST(Pool, TakesWhatIsNotHidden) {
  const Tokens<double> x = (Tokens<double>(7, 1) << 1, 2, 4, 8, 16, 32, 64).finished();
  const std::vector<std::uint8_t> hidden = {1, 0, 1, 0, 1, 1, 0};
  const Batch batch = Batch::of({5, 0, 1, 1}).hiding(hidden);
  const auto expect_pooled = [&](Pooling take, const std::array<double, 4>& y, const std::array<double, 7>& dx) {
    const auto model = chain(Pool<double>{1, take});
    Parameters theta(model), g(model);
    Tape tape(model);
    const Tokens<double> dy = Tokens<double>::Constant(4, 1, 6);
    Tokens<double> own = Tokens<double>::Zero(7, 1);
    EXPECT_TRUE(equal(forward(model, theta, tape, batch, x), Eigen::Map<const Tokens<double>>(y.data(), 4, 1)));
    backward(model, theta, tape, dy, g, {.x = own});
    EXPECT_TRUE(equal(own, Eigen::Map<const Tokens<double>>(dx.data(), 7, 1)));
  };
  expect_pooled(Pooling::mean, {5, 0, 0, 64}, {0, 3, 0, 3, 0, 0, 6});
  expect_pooled(Pooling::first, {2, 0, 0, 64}, {0, 6, 0, 0, 0, 0, 6});
  expect_pooled(Pooling::last, {8, 0, 0, 64}, {0, 0, 0, 6, 0, 0, 6});
}

TEST(Pool, HasTheSameBitsForAnyNumberOfThreads) {
  Random random(1);
  std::vector<Index> lengths(40);
  for (Index& length : lengths) length = random.integer(0, 30);
  const Batch batch = random_batch(random, lengths, 0.2);
  const Tokens<float> x = random.tokens(batch.tokens(), 700).cast<float>();
  const Tokens<float> dy = random.tokens(40, 700).cast<float>();
  const auto model = chain(Pool<float>{700});
  Parameters theta(model), g(model);
  const Threads threads(3);
  Tape one(model), three(model, threads);
  EXPECT_TRUE(same_bits(forward(model, theta, three, batch, x), forward(model, theta, one, batch, x)));
  Tokens<float> dx_one = Tokens<float>::Zero(x.rows(), 700), dx_three = dx_one;
  backward(model, theta, one, dy, g, {.x = dx_one});
  backward(model, theta, three, dy, g, {.x = dx_three});
  EXPECT_TRUE(same_bits(dx_three, dx_one));
}

}  // namespace
