#pragma once

#include <string>
#include <vector>

#include "golden/compute.hpp"

namespace golden {

/// What a comparison found: a sentence for every tensor that is off (the streams first, which name the first wrong
/// block), and how near the others came to their tolerances.
struct Verdict {
  std::vector<std::string> complaints;
  std::size_t tensors = 0;
  double worst = 0;  ///< the largest error as a part of its tolerance
  bool passed() const { return complaints.empty(); }
};

/// Holds all expected.* tensors of the case against what was computed, max |got - expected| <= tolerance, with the
/// case's own tolerances for `type` ("f64" or "f32"). Two kinds of tensor may come without one:
///
///     loss       sum |cotangent| times the tolerance of y, which is what y within its tolerance implies
///     streams    y's tolerance for their size, at least sqrt(epsilon) times their largest entry: they show where an
///                error begins, not how small it is
Verdict compare(const Case& c, const Outputs& outputs, const std::string& type);

}  // namespace golden
