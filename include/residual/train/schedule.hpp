#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numbers>

#include "residual/core/check.hpp"

namespace residual {

/// Throws unless a schedule's rates and warm-up make sense and `step`, the number of steps made before this one, is not
/// negative.
inline void expect_schedule(const char* name, std::initializer_list<double> rates, Index warmup, Index step) {
  for (const double rate : rates) {
    expect(rate >= 0 && std::isfinite(rate), name, ": a rate is ", rate, ", but all must be numbers from 0 on.");
  }
  expect(warmup >= 0, name, ": warmup is ", warmup, " steps, but it must be 0 or more.");
  expect(step >= 0, name, ": step ", step, " was asked for; steps count from 0.");
}

/// One learning rate for every step.
struct Constant {
  double rate;  ///< at every step
  /// The rate at a step, which counts from 0.
  double operator()(Index step) const {
    expect_schedule("Constant", {rate}, 0, step);
    return rate;
  }
};

/// fairseq's inverse_sqrt: from `initial` straight up to `peak`, then down with the root of the step:
///
///     rate = initial + (peak - initial) step / warmup      step < warmup
///     rate = peak sqrt(warmup / step)                      step >= warmup
///
/// Without warm-up it is peak / sqrt(step), and peak at step 0.
struct InverseSquareRoot {
  double peak;            ///< the highest rate
  Index warmup;           ///< steps in which the rate rises
  double initial = 1e-7;  ///< at step 0
  /// The rate at a step, which counts from 0.
  double operator()(Index step) const {
    expect_schedule("InverseSquareRoot", {peak, initial}, warmup, step);
    if (step < warmup) return initial + (peak - initial) * double(step) / double(warmup);
    return peak * std::sqrt(double(std::max<Index>(warmup, 1)) / double(std::max<Index>(step, 1)));
  }
};

/// Straight up to `peak`, then half a cosine down to `floor`, Loshchilov and Hutter 2017 (arXiv:1608.03983):
///
///     rate = peak (step + 1) / (warmup + 1)                                                step < warmup
///     rate = floor + (peak - floor) (1 + cos(pi (step - warmup) / (total - warmup))) / 2   warmup <= step < total
///     rate = floor                                                                         from then on
///
/// Where `total` is no more than `warmup`, the rate is `floor` from the end of the warm-up on.
struct Cosine {
  double peak;       ///< the highest rate
  Index warmup;      ///< steps in which the rate rises
  Index total;       ///< steps until the rate is `floor`
  double floor = 0;  ///< at the end
  /// The rate at a step, which counts from 0.
  double operator()(Index step) const {
    expect_schedule("Cosine", {peak, floor}, warmup, step);
    if (step < warmup) return peak * double(step + 1) / double(warmup + 1);
    if (step >= total) return floor;
    const double done = double(step - warmup) / double(total - warmup);
    return floor + (peak - floor) * (1 + std::cos(std::numbers::pi * done)) / 2;
  }
};

}  // namespace residual
