#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "residual/core/parameter_groups.hpp"
#include "residual/model/tape.hpp"

namespace residual {

namespace detail {

/// Lines of equally many cells as text, two spaces between the columns: the first column aligned left, the others
/// right.
inline std::string aligned(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths;
  for (const auto& cells : lines) {
    widths.resize(std::max(widths.size(), cells.size()));
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  }
  std::string text;
  for (const auto& cells : lines) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string spaces(widths[i] - cells[i].size(), ' ');
      text += i == 0 ? cells[i] + spaces : "  " + spaces + cells[i];
    }
    text += '\n';
  }
  return text;
}
/// 12.3%, of a whole that may be 0.
inline std::string percent(Index part, Index whole) {
  std::ostringstream text;
  text.setf(std::ios::fixed);
  text.precision(1);
  text << (whole == 0 ? 0.0 : 100.0 * double(part) / double(whole)) << '%';
  return text.str();
}

/// The lines of the table of tensors, from its header to the total.
inline std::vector<std::vector<std::string>> tensor_table(const Manifest& tensors) {
  Index total = 0;
  for (const ManifestEntry& tensor : tensors) total += tensor.size();
  std::vector<std::vector<std::string>> lines{{"tensor", "shape", "parameters", "share"}};
  for (const ManifestEntry& tensor : tensors) {
    const std::string rows = tensor.layout == Layout::vector ? "" : std::to_string(tensor.rows) + " x ";
    const Index cols = tensor.layout == Layout::vector ? tensor.size() : tensor.cols;
    lines.push_back(
        {tensor.name, rows + std::to_string(cols), std::to_string(tensor.size()), percent(tensor.size(), total)});
  }
  lines.push_back({"total", "", std::to_string(total), percent(total, total)});
  return lines;
}

}  // namespace detail

/// A table of the model's tensors, a line each: name, shape, how many parameters it has and their share of all; and the
/// total. Throws when the model cannot be.
template <Model M>
std::string summary(const M& model) {
  return detail::aligned(detail::tensor_table(Parameters<M>::manifest(model)));
}

/// That table, and how much of each tensor and of all is trained. Throws, too, when the groups are of another model.
template <Model M>
std::string summary(const M& model, const ParameterGroups& groups) {
  const Manifest tensors = Parameters<M>::manifest(model);
  groups.expect_manifest("summary", tensors);
  const std::vector<Index> trained = groups.trained_by_tensor();
  auto lines = detail::tensor_table(tensors);
  lines.front().push_back("trained");
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    lines[i + 1].push_back(detail::percent(trained[i], tensors[i].size()));
  }
  lines.back().push_back(detail::percent(groups.trained(), groups.size()));
  return detail::aligned(lines);
}

/// That table, and the bytes that a tape holds on one thread after passes of this input: of forward and backward, and
/// of forward alone with Keep::nothing. It makes these passes, with parameters that are 0. Throws when the input does
/// not fit.
template <Model M>
std::string summary(const M& model, const typename M::Input& input) {
  Parameters<M> theta(model), gradient(model);
  Tape<M> training(model), inference(model, Keep::nothing);
  const Tokens<typename M::Scalar> dy = training.forward(model, theta, input);
  training.backward(model, theta, dy, gradient, {});
  inference.forward(model, theta, input);
  return summary(model) + "a tape in training: " + std::to_string(training.bytes()) +
         " bytes\na tape in inference: " + std::to_string(inference.bytes()) + " bytes\n";
}

}  // namespace residual
