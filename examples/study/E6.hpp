#pragma once

#include <array>

#include "training.hpp"

namespace study {

/// E6: how large single entries of the gradient are, layer by layer, before and in training. Adam divides by
/// sqrt(v) + epsilon: where |g| stays below epsilon / sqrt(1 - beta2), one step's v does not reach epsilon^2, and the step that
/// the entry takes hangs on epsilon.
inline Json gradient_entries(const Cell& cell, const Text& text) {
  static constexpr int decades = 16;  // 10^-14 .. 10^2; what is smaller counts in the first
  const double bound = Recipe::epsilon / std::sqrt(1 - Recipe::beta2);
  Model<Causal> model(cell, text);
  Json result = Json::array();
  const auto count = [&](Index step) {
    model.pull(model.held_out(1));
    std::vector<std::array<double, decades>> histogram(std::size_t(cell.depth), std::array<double, decades>{});
    std::vector<double> below(std::size_t(cell.depth), 0), zero(below), entries(below);
    for (const auto& tensor : model.gradient.manifest()) {
      if (tensor.role != residual::Role::weight || !tensor.name.starts_with("layers.")) continue;
      const auto layer = std::size_t(std::stoul(tensor.name.substr(7)));
      for (const float g : model.gradient.flat().segment(tensor.offset, tensor.size())) {
        const double size = std::abs(double(g));
        ++entries[layer];
        zero[layer] += size == 0;
        below[layer] += size < bound;
        const double decade = std::floor(std::log10(std::max(size, 1e-30))) + 14;
        ++histogram[layer][std::size_t(std::clamp(decade, 0.0, double(decades - 1)))];
      }
    }
    for (std::size_t layer = 0; layer < entries.size(); ++layer) {
      below[layer] /= entries[layer];
      zero[layer] /= entries[layer];
      for (double& share : histogram[layer]) share /= entries[layer];
    }
    result.push_back({{"step", step}, {"below", below}, {"zero", zero}, {"histogram", histogram}});
  };
  train(cell, model, [&](Index step, auto&) {
    if (step == 0 || step == cell.steps / 10 || step == cell.steps) count(step);
  });
  return {{"bound", bound}, {"snapshots", result}};
}

}  // namespace study
