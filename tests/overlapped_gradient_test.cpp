// The examples' sum of gradients over ranks finds every block that backward tells of, and refuses a gradient of another model.
#include "../examples/support/ranks/overlapped_gradient.hpp"

#include <gtest/gtest.h>

#include "residual/model/encoder_decoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/initialise.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "support/expect_sentence.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;

auto model_of(Index encoder_depth, Recompute recompute = Recompute::nothing) {
  return encoder_decoder(
      encoder(ResiDual<double>(8), {.dim = 8, .heads = 2, .hidden = 8, .depth = encoder_depth, .recompute = recompute}),
      decoder(PreLN<double>(8),
              {.dim = 8, .heads = 2, .hidden = 8, .depth = 3, .causal = true, .recompute = recompute}));
}

const Ranks alone;

/// A step of training of the model, seen by the observer.
template <class Model>
void step(const Model& model, OverlappedGradient<double>& observer) {
  Parameters theta(model), gradient(model);
  initialise(theta, 1);
  Tape tape(model);
  tape.observe(&observer);
  const Tokens<double> source = Tokens<double>::Random(4, 8), target = Tokens<double>::Random(3, 8);
  const Tokens<double> dy = forward(model, theta, tape, Batch::of({3}), target, Batch::of({4}), source);
  backward(model, theta, tape, dy, gradient);
}

TEST(OverlappedGradient, IsToldOfEachBlockOfBothStacksInEveryStep) {
  for (const Recompute recompute : {Recompute::nothing, Recompute::sublayers, Recompute::blocks}) {
    const auto model = model_of(2, recompute);
    Parameters gradient(model);
    OverlappedGradient<double> overlapped(gradient, ParameterGroups(gradient), alone);
    for (int i = 0; i < 2; ++i) {
      step(model, overlapped);
      EXPECT_NO_THROW(overlapped.epilogue());
    }
  }
}
TEST(OverlappedGradient, RefusesTheTapeOfAnotherModel) {
  for (const Index depth : {1, 3}) {
    Parameters gradient(model_of(2));
    OverlappedGradient<double> overlapped(gradient, ParameterGroups(gradient), alone);
    step(model_of(depth), overlapped);
    const std::string told = "backward told of " + std::to_string(depth + 3) + "; give it";
    expect_sentence([&] { overlapped.epilogue(); }, {"the tensors are in 5 blocks", told});
  }
}

}  // namespace
