#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/view.hpp"

/// How far a run is, as its checkpoint says.
struct Resumed {
  residual::Index steps;                         ///< done,
  residual::Index most;                          ///< of so many at most
  residual::Index optimizer_steps;               ///< one a step, or fewer where steps were skipped
  const std::vector<residual::Index>& measured;  ///< the steps after which losses were measured
};

/// Throws, with what to do `instead`, unless a program can have written it: the measurements rise and none is of a step that
/// was not done, and what else the program knows holds, `as_written`.
inline void expect_possible(const std::string& checkpoint, const Resumed& run, bool as_written,
                            const std::string& instead) {
  const auto& [steps, most, optimizer_steps, measured] = run;
  const bool in_range = 0 <= steps && steps <= most && 0 <= optimizer_steps && optimizer_steps <= steps;
  const bool rises =
      std::adjacent_find(measured.begin(), measured.end(), std::greater_equal<residual::Index>()) == measured.end();
  const bool done = measured.empty() || (measured.front() >= 0 && measured.back() <= steps);
  residual::expect(in_range && rises && done && as_written, "The checkpoint of ", checkpoint, " says that ", steps,
                   " of ", most, " steps were done, ", optimizer_steps, " of them by the optimizer, with ",
                   measured.size(), " measurements, which cannot be; ", instead, '.');
}
