// A residual scheme of one's own, written outside the library in history_mix.hpp. Proves its gradient, then trains an
// encoder with it and shows what the last sub-layer has learned to read.
// ctest:
#include <iostream>

#include "history_mix.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/numeric/gradient_check.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/initialise.hpp"
#include "residual/train/loss.hpp"
#include "residual/train/weight_decay.hpp"

namespace {

using namespace residual;

/// Compares the gradient of <y, dy> with differences in long double, for all parameters.
GradientReport<long double> check_gradient() {
  using S = long double;
  const auto model = encoder(HistoryMix<S>(8), {.dim = 8, .heads = 2, .hidden = 12, .depth = 2});
  Parameters theta(model), gradient(model);
  initialise(theta, 1);
  Tape tape(model);
  const Batch batch = Batch::of({3, 2});
  const Tokens<S> x = Tokens<S>::Random(batch.tokens(), 8), dy = Tokens<S>::Random(batch.tokens(), 8);

  forward(model, theta, tape, batch, x);
  backward(model, theta, tape, dy, gradient);
  Parameters point(model);
  const auto loss = [&](const Column<S>& values) {
    point.flat() = values;
    return forward(model, point, tape, batch, x).cwiseProduct(dy).sum();
  };
  return gradient_check(loss, theta.flat(), gradient.flat(), theta.manifest());
}

/// Learns to reverse the features of every token; returns the first and the last loss.
std::pair<float, float> train(int steps) {
  const auto model = encoder(HistoryMix<float>(32), {.dim = 32, .heads = 4, .hidden = 128, .depth = 6});
  Parameters theta(model), gradient(model);
  initialise(theta, 1);
  Tape tape(model);
  AdamW<float> adam(theta.size(), {}, decay_mask(theta));
  const Batch batch = Batch::of({16, 9, 12});
  const Tokens<float> x = Tokens<float>::Random(batch.tokens(), 32), target = x.rowwise().reverse();
  Tokens<float> dy(x.rows(), x.cols());

  float first = 0, last = 0;
  for (int step = 0; step < steps; ++step) {
    last = mse(forward(model, theta, tape, batch, x), target, dy);
    if (step == 0) first = last;
    gradient.flat().setZero();
    backward(model, theta, tape, dy, gradient);
    adam.step(theta.flat(), gradient.flat(), 1e-3);
  }
  std::cout << "What y reads of the embedding and the outputs of the 12 sub-layers: " << theta["mix"] << '\n';
  return {first, last};
}

}  // namespace

int main() {
  const auto report = check_gradient();
  std::cout << report.message() << '\n';
  const int steps = 200;
  const auto [first, last] = train(steps);
  std::cout << "6 layers: loss " << first << " before and " << last << " after " << steps << " steps.\n";
  return report && last < first ? 0 : 1;
}
