// A chain is a model: names, files, plans, memory, what its parts read, and what is refused.
// group: models
#include <gtest/gtest.h>

#include "residual/io/load_parameters.hpp"
#include "residual/io/save_parameters.hpp"
#include "residual/layers/attention/rotary.hpp"
#include "residual/residual.hpp"
#include "support/chains.hpp"
#include "support/expect_sentence.hpp"
#include "support/folder.hpp"
#include "support/heap_count.hpp"
#include "support/same_bits.hpp"
#include "support/scene.hpp"

namespace {

using namespace test_support;
using test_support::Random;

TEST(Chain, IsAModel) {
  static_assert(Model<decltype(pooled_chain<float>(Pooling::mean))> && Model<decltype(chain_of_tokens<double>())>);
  const auto manifest = Parameters<decltype(chain_of_tokens<float>())>::manifest(chain_of_tokens<float>());
  EXPECT_EQ(manifest.front().name, "0.weight");
  EXPECT_EQ(manifest[2].name, "1.0.weight");
  EXPECT_EQ(manifest[4].name, "1.1.layers.0.self_attn.in_proj_weight");
  EXPECT_EQ(manifest.back().name, "3.bias");
  const auto own = Parameters<decltype(pooled_chain<float>({}))>::manifest(pooled_chain<float>({}));
  EXPECT_EQ(own.front().name, "input.weight");
  EXPECT_EQ(own[2].name, "encoder.layers.0.self_attn.in_proj_weight");
  EXPECT_EQ(own.back().name, "head.weight");
}

TEST(Chain, GivesTheSameBitsForInferenceFromAPlanAndOnMemoryOfNaN) {
  Random random(4);
  const auto model = pooled_chain<double>(Pooling::last);
  Parameters theta(model), g(model), again(model);
  randomise(theta, 5);
  const Batch batch = Batch::of({3, 0, 9});
  const Tokens<double> x = random.tokens(12, 3), dy = random.tokens(3, 2);
  Tape tape(model), inference(model, Keep::nothing);
  const Plan plan(theta);
  const Tokens<double> y = forward(model, theta, tape, batch, x);
  backward(model, theta, tape, dy, g);
  EXPECT_TRUE(same_bits(forward(model, theta, inference, batch, x), y));
  EXPECT_LT(inference.bytes(), tape.bytes());
  inference.fill(not_a_number<double>);
  EXPECT_TRUE(same_bits(forward(model, plan, inference, batch, x), y));
  tape.fill(not_a_number<double>);
  EXPECT_TRUE(same_bits(forward(model, theta, tape, batch, x), y));
  backward(model, theta, tape, dy, again);
  EXPECT_TRUE(same_bits(again.flat(), g.flat()));
}

TEST(Chain, AllocatesNothingFromTheSecondPassOn) {
  const auto model = pooled_chain<float>(Pooling::mean);
  Parameters theta(model), g(model);
  initialise(theta, 1);
  Tape tape(model);
  const Tokens<float> x = Tokens<float>::Random(12, 3), dy = Tokens<float>::Random(3, 2);
  const Batch large = Batch::of({3, 1, 8}), small = Batch::of({5, 2});
  const auto pass = [&](const Batch& batch) {
    forward(model, theta, tape, batch, x.topRows(batch.tokens()));
    backward(model, theta, tape, dy.topRows(batch.sequences()), g);
  };
  pass(large);
  pass(large);
  EXPECT_EQ(allocations([&] { pass(large), pass(small), pass(large); }), 0);
}

TEST(Chain, IsSavedAndLoadedByItsNames) {
  const auto model = pooled_chain<float>(Pooling::mean);
  Parameters theta(model), loaded(model);
  initialise(theta, 1);
  const Folder folder;
  save_parameters(folder.path / "own.safetensors", theta);
  load_parameters(folder.path / "own.safetensors", loaded);
  EXPECT_TRUE(same_bits(loaded.flat(), theta.flat()));
}

/// Dropout, mask and positions are those of the stack; only its sites begin behind the linear map's.
TEST(Chain, GivesAStackWhatItReads) {
  Random random(6);
  SelfAttentionWith<double, Rotary<double>> attention{.dim = 4, .heads = 2, .maps = {Rotary<double>(2)}};
  attention.dropout = 0.2;
  const auto stack = encoder(ResiDual<double>(4), {.depth = 2, .dropout = 0.3}, attention, FeedForward<double>{4, 6});
  const auto model = chain(named<"">(Linear<double>{3, 4}), named<"stack.">(stack));
  EXPECT_EQ(model.sites(), 5);
  Parameters theta(model);
  Parameters own(stack);
  randomise(theta, 7);
  for (const auto& tensor : own.manifest()) own[tensor.name] = theta["stack." + tensor.name];
  const Batch batch = random_batch(random, {5, 3}, 0.3);
  const Tokens<double> x = random.tokens(8, 3), mask = random_mask(random, 5, 5, 0.2);
  const std::vector<Index> positions = {4, 5, 7, 8, 9, 1, 2, 6};
  const Tokens<double> between = (x * theta["weight"]).rowwise() + Row<double>(theta["bias"]);
  Tape tape(model);
  Tape stack_tape(stack);
  const auto y =
      tape.forward(model, theta, {.batch = batch, .x = x, .attn_mask = mask, .seed = 8, .positions = positions});
  const auto expected = stack_tape.forward(
      stack, own,
      {.batch = batch, .x = between, .attn_mask = mask, .seed = 8, .first_site = 1, .positions = positions});
  EXPECT_TRUE(near(y, expected, 1e-12));
}

TEST(Chain, RefusesWhatDoesNotFit) {
  using L = Linear<float>;
  expect_sentence([] { chain(L{3, 4}, L{5, 2}); }, {"part 0 gives 4", "part 1 takes 5", "put a Linear between"});
  expect_sentence([] { chain(L{3, 4}, Pool<float>{0}); }, {"Pool: dim is 0"});
  const auto model = chain(L{3, 4}, Pool<float>{4});
  const Parameters theta(model);
  Tape tape(model);
  const Tokens<float> x = Tokens<float>::Zero(2, 3), mask = Tokens<float>::Zero(2, 2), dy = Tokens<float>::Zero(2, 4);
  const Batch batch = Batch::of({2});
  expect_sentence([&] { forward(model, theta, tape, Batch::of({3}), x); }, {"x is [2 x 3]", "[3 x 3] is needed"});
  expect_sentence([&] { forward(model, theta, tape, {.batch = batch, .x = x, .attn_mask = mask}); },
                  {"attn_mask", "nobody would read"});
  expect_sentence([&] { forward(model, theta, tape, {.batch = batch, .x = x, .memory_batch = batch, .memory = x}); },
                  {"memory", "leave"});
  forward(model, theta, tape, batch, x);
  Parameters g(model);
  expect_sentence([&] { backward(model, theta, tape, dy, g); }, {"dy is [2 x 4]", "[1 x 4]"});
  Tokens<float> dx = Tokens<float>::Zero(3, 3);
  const Tokens<float> right = dy.topRows(1);
  expect_sentence([&] { backward(model, theta, tape, right, g, {.x = dx}); }, {"gradient of x is [3 x 3]"});
}

}  // namespace
