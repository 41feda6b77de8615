#pragma once

#include <cmath>

#include "models.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/schedule.hpp"
#include "residual/train/weight_decay.hpp"

namespace study {

/// AdamW with a cosine schedule: the same for all schemes, and fixed before the first run.
struct Recipe {
  static constexpr double beta2 = 0.98, epsilon = 1e-8;
  static constexpr Index held_out_batches = 8;
};

/// Trains the cell's language model until its steps are done or its loss is no number; before each step, and behind the
/// last, calls seen(step, model).
template <class Seen>
void train(const Cell& cell, Model<Causal>& model, Seen&& seen) {
  residual::AdamW<float> adam(model.theta.size(), {.beta2 = Recipe::beta2, .epsilon = Recipe::epsilon},
                              residual::decay_mask(model.theta));
  const residual::Cosine rate{cell.rate, cell.warmup * cell.steps / 100, cell.steps, cell.rate / 10};
  for (Index step = 0; step < cell.steps; ++step) {
    seen(step, model);
    if (!std::isfinite(model.pull(model.training()))) return;
    adam.step(model.theta.flat(), model.gradient.flat(), rate(step));
  }
  seen(cell.steps, model);
}

}  // namespace study
