#pragma once

#include <filesystem>

#include "residual/io/load_parameters.hpp"
#include "residual/io/save_parameters.hpp"
#include "run_folder.hpp"
#include "shape.hpp"

/// The mean of the weights in the run's snapshots, tensor by tensor, as fairseq averages checkpoints: theta of each in turn
/// is read into `theta`, which holds the mean in the end. Throws when there is none.
inline void average_snapshots(const RunFolder& folder, residual::Parameters<Translator>& theta) {
  const auto steps = folder.snapshots();
  residual::expect(!steps.empty(), folder.path, " holds no weights to average yet.");
  residual::Column<double> sum = residual::Column<double>::Zero(theta.size());
  for (const Index step : steps) {
    residual::load_parameters(folder.snapshot(step), theta);
    sum += theta.flat().cast<double>();
  }
  theta.flat() = (sum / double(steps.size())).cast<float>();
}

/// Writes the weights after `step` steps and removes all snapshots but the last `kept`.
inline void save_snapshot(const RunFolder& folder, const residual::Parameters<Translator>& theta, Index step,
                          Index kept) {
  residual::save_parameters(folder.snapshot(step), theta);
  const auto steps = folder.snapshots();
  for (std::size_t i = 0; i + std::size_t(kept) < steps.size(); ++i) {
    std::filesystem::remove(folder.snapshot(steps[i]));
  }
}
