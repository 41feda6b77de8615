// Training under floating-point traps: nothing that it computes with finite numbers is invalid, infinite or overflows.
// group: training
#include <gtest/gtest.h>

#include <cfenv>
#include <cstdlib>
#include <vector>

#include "residual/model/language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/clip.hpp"
#include "residual/train/initialise.hpp"
#include "residual/train/loss.hpp"
#include "residual/wiring/pre_ln.hpp"

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__i386__))  // where an exception can be made a signal

namespace {

using namespace residual;

/// Runs f with traps and ends the process.
template <class F>
[[noreturn]] void run_trapped(F&& f) {
  std::feclearexcept(FE_ALL_EXCEPT);
  ::feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
  f();
  std::_Exit(0);
}

/// Some steps of a language model that knows words which no text has, so that their gradient is 0 for ever.
template <class S>
void train(Activation activation) {
  const Sizes sizes{.dim = 12, .heads = 2, .hidden = 20, .depth = 1, .activation = activation, .dropout = 0.1};
  const auto model = language_model(PreLN<S>(12), sizes, Embedding<S>(40, 12, 16));
  Parameters theta(model), gradient(model);
  initialise(theta, 1);
  Tape tape(model);
  AdamW<S> adam(theta.size(), {}, decay_mask(theta));
  const std::vector<int> tokens{3, 1, 4, 1, 5, 9, 2}, next{1, 4, 1, 5, 9, 2, -100};
  const Batch batch = Batch::of({3, 0, 4}).hiding(std::vector<std::uint8_t>{0, 0, 0, 1, 0, 0, 0});
  Tokens<S> dlogits(7, 40);
  for (int step = 0; step < 3; ++step) {
    gradient.flat().setZero();
    const auto logits = forward(model, theta, tape, {.batch = batch, .tokens = tokens, .seed = 4});
    cross_entropy(logits, next, dlogits, {.label_smoothing = 0.1});
    backward(model, theta, tape, dlogits, gradient);
    clip_by_global_norm(gradient.flat(), 1);
    adam.step(theta.flat(), gradient.flat(), 1e-3);
  }
}

template <class S>
void train_all() {
  for (const auto activation : {Activation::relu, Activation::gelu_erf, Activation::gelu_tanh, Activation::silu}) {
    train<S>(activation);
  }
}

TEST(Trap, TrainingRaisesNone) {
  EXPECT_EXIT(run_trapped([] { train_all<float>(); }), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(run_trapped([] { train_all<double>(); }), testing::ExitedWithCode(0), "");
}

/// Moments that are 0 or no normal numbers.
template <class S>
void step_from(S gradient) {
  AdamW<S> adam(37);
  Column<S> theta = Column<S>::Ones(37);
  const Column<S> g = Column<S>::Constant(37, gradient);
  for (int t = 0; t < 3; ++t) adam.step(theta, g, 0.1);
}
TEST(Trap, AdamWOfTinyGradientsRaisesNone) {
  for (const double gradient : {0.0, 1e-23, 1e-20, 1e-160, 1.0}) {
    EXPECT_EXIT(run_trapped([&] { step_from(float(gradient)); }), testing::ExitedWithCode(0), "") << gradient;
    EXPECT_EXIT(run_trapped([&] { step_from(gradient); }), testing::ExitedWithCode(0), "") << gradient;
  }
}

/// Activations far out, as a pass may meet them before a model has learned.
TEST(Trap, LargeActivationsRaiseNone) {
  const auto far = [] {
    for (float x : {3.F, 80.F, 1e4F, 1e10F}) {
      float kept[64];
      GeluErf::value(Pack<float>(x)).store(kept);
      GeluErf::value(Pack<float>(-x)).store(kept);
    }
  };
  EXPECT_EXIT(run_trapped(far), testing::ExitedWithCode(0), "");
}

}  // namespace

#endif
