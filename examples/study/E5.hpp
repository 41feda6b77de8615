#pragma once

#include <chrono>

#include "residual/metrics/intervals.hpp"
#include "training.hpp"

namespace study {

/// E5: seconds and bytes of a training step beside Post-LN's, step by step in turn, so that what disturbs the one disturbs the
/// other.
inline Json cost(const Cell& cell, const Text& text) {
  Cell base_cell = cell;
  base_cell.scheme = "Post-LN";
  Model<Causal> own(cell, text), base(base_cell, text);
  const auto step = [&](Model<Causal>& model) {
    residual::AdamW<float> adam(model.theta.size());
    const Example e = model.training();
    const auto start = std::chrono::steady_clock::now();
    model.pull(e);
    adam.step(model.theta.flat(), model.gradient.flat(), cell.rate);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::vector<double> seconds, ratios;
  for (Index i = -1; i < cell.steps; ++i) {  // the first pass takes memory
    const double mine = step(own), theirs = step(base);
    if (i < 0) continue;
    seconds.push_back(mine);
    ratios.push_back(mine / theirs);
  }
  return {{"seconds", residual::median(seconds)},
          {"time_ratio", residual::median(ratios)},
          {"bytes", own.bytes()},
          {"bytes_ratio", own.bytes() / base.bytes()}};
}

}  // namespace study
