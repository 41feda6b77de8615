// The model of examples/adapt that reads pictures: its gradient is that of differences, without pictures it is a language
// model, and under early fusion late blocks do not see the pictures.
// group: models
#include "../examples/adapt/picture_model.hpp"

#include <gtest/gtest.h>

#include "../examples/adapt/early_fusion.hpp"
#include "residual/layers/attention/rotary.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/numeric/gradient_check.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/expect_sentence.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;
using test_support::same_bits;

template <class S>
using ReaderBlocks = Stack<PreLN<S>, EarlyFusion<SelfAttentionWith<S, Rotary<S>>>, GatedFeedForward<S>>;

/// One whose first `early` of two blocks read pictures.
template <class S>
PictureModel<ReaderBlocks<S>> picture_reader(Index early) {
  const SelfAttentionWith<S, Rotary<S>> attention{.dim = 4, .heads = 2, .causal = true, .maps = {Rotary<S>(2)}};
  return {{3, 4}, Embedding<S>(5, 4, 1, Positions::none), {PreLN<S>(4), {{attention, early}, {4, 6}}, 2}};
}

/// Two pictures of two patches, with two tokens behind the first and none behind the other.
template <class S>
struct TwoPictures {
  Batch batch = Batch::of({4, 2});
  Tokens<S> patches = test_support::random_tokens<double>(4, 3, 1).cast<S>();
  std::vector<int> tokens = {3, 1};
  Tokens<S> cotangent = test_support::random_tokens<double>(6, 5, 2).cast<S>();

  typename PictureModel<ReaderBlocks<S>>::Input input() const { return {batch, 2, patches, tokens}; }
};

void expect_gradient_of_early(Index early) {
  using Real = long double;
  const auto model = picture_reader<double>(early);
  const TwoPictures<double> two;
  Parameters theta(model), gradient(model);
  test_support::randomise(theta, 3);
  Tape tape(model);
  forward(model, theta, tape, two.input());
  backward(model, theta, tape, two.cotangent, gradient);

  const auto exact_model = picture_reader<Real>(early);
  const TwoPictures<Real> exact_two;
  Parameters exact(exact_model);
  Tape exact_tape(exact_model);
  const auto loss = [&](const Column<Real>& numbers) {
    exact.flat() = numbers;
    return exact_two.cotangent.cwiseProduct(forward(exact_model, exact, exact_tape, exact_two.input())).sum();
  };
  const auto report = gradient_check(loss, Column<Real>(theta.flat().cast<Real>()), gradient.flat(), theta.manifest(),
                                     GradientOptions<Real>{.tolerance = 1e-11L});
  EXPECT_TRUE(report) << report.message();
}

TEST(PictureModel, GradientIsThatOfDifferences) {
  expect_gradient_of_early(2);
  expect_gradient_of_early(1);
}

/// Logits of sequences of two patches and three tokens.
Tokens<float> picture_logits(Index early, const Tokens<float>& patches, const std::vector<int>& tokens = {3, 1, 4}) {
  const auto model = picture_reader<float>(early);
  Parameters theta(model);
  test_support::randomise(theta, 3);
  Tape tape(model);
  return forward(model, theta, tape, {Batch::of({5}), 2, patches, tokens});
}

TEST(PictureModel, OnlyEarlyBlocksReadPictures) {
  const auto one = test_support::random_tokens<float>(2, 3, 1), other = test_support::random_tokens<float>(2, 3, 2);
  const auto tokens = [](const Tokens<float>& y) { return Tokens<float>(y.bottomRows(3)); };
  EXPECT_TRUE(same_bits(tokens(picture_logits(0, one)), tokens(picture_logits(0, other))));
  for (const Index early : {1, 2}) {
    EXPECT_GT((tokens(picture_logits(early, one)) - tokens(picture_logits(early, other))).cwiseAbs().minCoeff(), 1e-6f)
        << early;
  }
  // Patches are read by patches in every block, so their rows tell no difference.
  EXPECT_TRUE(
      same_bits(Tokens<float>(picture_logits(0, one).topRows(2)), Tokens<float>(picture_logits(2, one).topRows(2))));
}

TEST(PictureModel, WithoutPicturesIsALanguageModel) {
  const auto reader = picture_reader<float>(2);
  const LanguageModel model(reader.embedding, reader.stack);
  Parameters theta(reader), gradient(reader);
  Parameters same(model), same_gradient(model);
  test_support::randomise(theta, 3);
  for (const ManifestEntry& tensor : same.manifest()) same[tensor.name] = theta[tensor.name];
  const std::vector<int> tokens = {4, 0, 2, 2, 1};
  const Batch batch = Batch::of({2, 3});
  Tape tape(reader);
  Tape same_tape(model);
  const auto dy = test_support::random_tokens<float>(5, 5, 2);
  EXPECT_TRUE(same_bits(forward(reader, theta, tape, {.batch = batch, .tokens = tokens}),
                        forward(model, same, same_tape, batch, tokens)));
  backward(reader, theta, tape, dy, gradient);
  backward(model, same, same_tape, dy, same_gradient);
  for (const ManifestEntry& tensor : same.manifest()) {
    EXPECT_TRUE(same_bits(gradient[tensor.name], same_gradient[tensor.name])) << tensor.name;
  }
}

TEST(PictureModel, RefusesWhatDoesNotFit) {
  auto narrow = picture_reader<float>(2);
  narrow.visual.out = 3;
  expect_sentence([&] { Parameters theta(narrow); }, {"pictures enter with 3", "4 wide"});
  const auto model = picture_reader<float>(2);
  Parameters theta(model);
  Tape tape(model);
  TwoPictures<float> two;
  two.tokens = {3, 5};
  expect_sentence([&] { forward(model, theta, tape, two.input()); }, {"a token 5"});
  two.tokens = {3};
  expect_sentence([&] { forward(model, theta, tape, two.input()); }, {"6 rows", "4 patches and 1 tokens"});
  two.tokens = {3, 1, 1};
  two.batch = Batch::of({6, 1});
  expect_sentence([&] { forward(model, theta, tape, two.input()); }, {"Sequence 1 has 1 rows"});
}

}  // namespace
