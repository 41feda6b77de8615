#pragma once

#include <string>

#include "../support/interrupt.hpp"
#include "../support/progress.hpp"
#include "residual/core/parameters.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/schedule.hpp"

/// Trains theta by AdamW with warm-up and a cosine. pass(gradient) draws a batch, adds to the gradient and returns the loss.
/// False when somebody asked to stop.
template <class Theta, class Pass>
bool train(Theta& theta, Index steps, double highest_rate, const std::string& name, Progress& progress, Pass&& pass) {
  residual::AdamW<float> adam(residual::ParameterGroups(theta), {.beta2 = 0.98});
  const residual::Cosine rate{highest_rate, steps / 20, steps, highest_rate / 100};
  Theta gradient(theta.model());
  progress.begin(name, 0);
  for (Index step = 0; step < steps && !Interrupt::asked(); ++step) {
    gradient.flat().setZero();
    const double loss = pass(gradient);
    adam.step(theta.flat(), gradient.flat(), rate(step));
    progress.show(step + 1, loss);
    Interrupt::count_step();
  }
  progress.end();
  return !Interrupt::asked();
}
