#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "../support/resumed.hpp"
#include "residual/io/checkpoint.hpp"

using residual::Index;

/// How far a run is.
struct History {
  Index steps = 0;                                   ///< done
  double sum = 0;                                    ///< of the training losses since the last held-out one
  std::vector<Index> at = {};                        ///< steps after which the held-out loss was measured,
  std::vector<double> training = {}, held_out = {};  ///< it, and the mean training loss before

  void list(residual::Checkpoint& state) {
    state.add("run.steps", steps).add("run.sum", sum);
    state.add("run.at", at).add("run.training", training).add("run.held_out", held_out);
    state.equally_long({"run.at", "run.training", "run.held_out"});
  }
  /// Throws unless a run of at most so many steps, that measures after every so many, can have got here, as can its optimizer.
  void expect_possible(const std::string& checkpoint, Index optimizer_steps, Index every, Index most) const {
    const auto regular = std::count_if(at.begin(), at.end(), [&](Index step) { return step % every == 0; });
    const bool as_written = regular == steps / every && (at.empty() || at.front() > 0);
    ::expect_possible(checkpoint, {steps, most, optimizer_steps, at}, as_written,
                      "train anew, into another folder (--out)");
  }
  void add(double loss) {
    training.push_back(sum / double(steps - (at.empty() ? 0 : at.back())));
    held_out.push_back(loss);
    at.push_back(steps);
    sum = 0;
  }
  /// Which held-out loss is the lowest, the first of equals.
  std::size_t best() const {
    return std::size_t(std::min_element(held_out.begin(), held_out.end()) - held_out.begin());
  }
  /// Whether the last `patience` held-out losses brought no new lowest.
  bool waited(Index patience) const {
    return patience > 0 && !held_out.empty() && Index(held_out.size() - 1 - best()) >= patience;
  }
  std::string csv() const {
    std::ostringstream table;
    table.precision(17);  // equal files are equal bits
    table << "step,training,held_out\n";
    for (std::size_t i = 0; i < at.size(); ++i) table << at[i] << ',' << training[i] << ',' << held_out[i] << '\n';
    return table.str();
  }
};
