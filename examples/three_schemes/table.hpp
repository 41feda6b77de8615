#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "../support/table.hpp"
#include "train.hpp"

/// What kept some of the runs from doing all their steps.
inline std::string note(const std::vector<const Run*>& runs, Index steps) {
  for (const Run* run : runs) {
    if (!std::isfinite(run->loss)) return " (diverged within " + std::to_string(run->steps) + " steps)";
    if (run->steps < steps) return " (stopped after " + std::to_string(run->steps) + " steps)";
  }
  return "";
}

/// One row a scheme, over all its seeds.
inline Table table_of(const std::vector<Run>& runs, const Options& options) {
  Table table(
      {"scheme", "loss", "gradient, first layer", "gradient, last layer", "similarity", "seconds", "tokens/s", "MiB"});
  for (const std::string& scheme : options.schemes) {
    std::vector<const Run*> own;
    for (const Run& run : runs) {
      if (run.scheme == scheme) own.push_back(&run);
    }
    if (own.empty()) continue;
    const auto cell = [&](const char* format, auto&& value) {
      std::vector<double> values;
      for (const Run* run : own) values.push_back(value(*run));
      return mean_and_deviation(values, format);
    };
    const double tokens = double(options.batch * options.length);
    table.add({scheme + note(own, options.steps), cell("%.3f", [](const Run& run) { return run.loss; }),
               cell("%.2g", [](const Run& run) { return run.at_start.gradient_norms.front(); }),
               cell("%.2g", [](const Run& run) { return run.at_start.gradient_norms.back(); }),
               cell("%.3f", [](const Run& run) { return residual::mean(run.at_end.similarities); }),
               cell("%.1f", [](const Run& run) { return run.seconds; }),
               cell("%.0f", [&](const Run& run) { return double(run.steps) * tokens / run.seconds; }),
               cell("%.1f", [](const Run& run) { return run.mebibytes; })});
  }
  return table;
}
