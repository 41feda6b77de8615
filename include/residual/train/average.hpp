#pragma once

#include <algorithm>

#include "residual/core/check.hpp"
#include "residual/core/view.hpp"

namespace residual {

/// Options of `Average`.
struct AverageOptions {
  double decay = 0.999;  ///< what an update leaves of the average
  bool warmup =
      false;  ///< whether update t = 1, 2, ... leaves (1 + t) / (10 + t) at most, so that the start is forgotten
};

/// The exponential moving average of weights, Polyak and Juditsky 1992, which often does better than the last weights:
///
///     a = a + (1 - decay) (theta - a)
///
/// What does not change, such as frozen weights, keeps its bits.
template <class S>
class Average {
 public:
  Column<S> value;    ///< a: with updates, all of its state
  Index updates = 0;  ///< made so far

  /// Starts as theta. Throws when decay does not fit.
  explicit Average(const Eigen::Ref<const Column<S>>& theta, const AverageOptions& options = {})
      : value(theta), options_(options) {
    expect(options.decay >= 0 && options.decay <= 1, "Average: decay is ", options.decay,
           ", but it must be between 0 and 1.");
  }

  /// The options that it was made with.
  const AverageOptions& options() const { return options_; }

  /// Moves the average towards theta. Throws, with nothing changed, when theta has another size or `updates` is negative.
  void update(const Eigen::Ref<const Column<S>>& theta) {
    expect(theta.size() == value.size(), "Average: theta has ", counted(theta.size(), "number"),
           ", but the average is of ", value.size(), "; make one for these parameters.");
    expect(updates >= 0, "Average: updates is ", updates,
           ", but it must be 0 or more; set it to the updates made so far.");
    ++updates;
    const double most = options_.warmup ? double(1 + updates) / double(10 + updates) : 1;
    value -= S(1 - std::min(options_.decay, most)) * (value - theta);  // keeps the sign of a zero, too
  }

 private:
  AverageOptions options_;
};

}  // namespace residual
