#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "residual/core/check.hpp"

namespace residual {

/// Where a value lies with some confidence.
struct Interval {
  double low;   ///< its lower end
  double high;  ///< its upper end
};

namespace detail {

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// Whether one of the values is NaN, which has no place in an order.
inline bool holds_nan(std::span<const double> values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

}  // namespace detail

/// The mean of some values.
inline double mean(std::span<const double> values) {
  expect(!values.empty(), "mean: there are no values; give one or more.");
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / double(values.size());
}
/// Their standard deviation, with n - 1 in the denominator; 0 of a single value.
inline double standard_deviation(std::span<const double> values) {
  const double m = mean(values);
  if (values.size() == 1) return 0;
  double sum = 0;
  for (const double value : values) sum += (value - m) * (value - m);
  return std::sqrt(sum / double(values.size() - 1));
}
/// The middle value, or the mean of the middle two; NaN where a value is NaN, as the mean.
inline double median(std::vector<double> values) {
  expect(!values.empty(), "median: there are no values; give one or more.");
  if (detail::holds_nan(values)) return detail::nan;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// Wilson's interval of a probability, Wilson 1927, of which `successes` of `trials` were seen; z = 1.96 for 95 %.
inline Interval wilson_interval(std::size_t successes, std::size_t trials, double z = 1.959963984540054) {
  expect(trials > 0 && successes <= trials, "wilson_interval: ", successes, " successes of ", trials,
         " trials; there must be 1 trial or more, and no more successes than trials.");
  expect(z > 0 && std::isfinite(z * z), "wilson_interval: z is ", z,
         ", but it must be greater than 0 with a finite square, for example 1.96 for 95 %.");
  const double n = double(trials), p = double(successes) / n, square = z * z;
  const double middle = (p + square / (2 * n)) / (1 + square / n);
  const double half = z / (1 + square / n) * std::sqrt(p * (1 - p) / n + square / (4 * n * n));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

/// The percentile bootstrap, Efron 1979: the interval that holds `confidence` of statistic(resample), where a resample draws
/// as many places 0 .. count - 1 as there are, with repetition. For a paired comparison the statistic takes the places of
/// both series. Both ends are NaN where the statistic of a resample is NaN.
inline Interval bootstrap_interval(std::size_t count,
                                   const std::function<double(std::span<const std::size_t> places)>& statistic,
                                   double confidence = 0.95, std::size_t resamples = 2000, std::uint64_t seed = 1) {
  expect(count > 0 && resamples > 0, "bootstrap_interval: ", count, " values and ", resamples,
         " resamples, but both must be 1 or more.");
  expect(confidence > 0 && confidence < 1, "bootstrap_interval: the confidence is ", confidence,
         ", but it must be between 0 and 1, for example 0.95.");
  std::mt19937_64 engine(seed);
  std::vector<std::size_t> places(count);
  std::vector<double> values(resamples);
  for (double& value : values) {
    for (auto& place : places) place = std::size_t(engine() % count);
    value = statistic(places);
  }
  if (detail::holds_nan(values)) return {detail::nan, detail::nan};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) { return values[std::min(resamples - 1, std::size_t(share * double(resamples)))]; };
  return {at((1 - confidence) / 2), at((1 + confidence) / 2)};
}
/// The bootstrap interval of a mean; both ends are NaN where a value is NaN, whether a resample draws it or not.
inline Interval bootstrap_mean(std::span<const double> values, double confidence = 0.95, std::size_t resamples = 2000,
                               std::uint64_t seed = 1) {
  const bool unknown = detail::holds_nan(values);
  return bootstrap_interval(
      values.size(),
      [&](std::span<const std::size_t> places) {
        double sum = unknown ? detail::nan : 0;
        for (const std::size_t place : places) sum += values[place];
        return sum / double(places.size());
      },
      confidence, resamples, seed);
}

/// The bootstrap interval of mean(a) - mean(b), where a_i and b_i belong together, such as two schemes' losses of one seed: a
/// resample draws pairs, so what both have in common cancels. NaN where bootstrap_mean is. Throws when there are not as many of
/// the one as of the other.
inline Interval paired_bootstrap(std::span<const double> a, std::span<const double> b, double confidence = 0.95,
                                 std::size_t resamples = 2000, std::uint64_t seed = 1) {
  expect(a.size() == b.size(), "paired_bootstrap: there are ", a.size(), " and ", b.size(),
         " values, but they come in pairs; give as many of each.");
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  return bootstrap_mean(differences, confidence, resamples, seed);
}

/// The emergence score of a metric over models of growing size, Srivastava et al. 2022 (arXiv:2206.04615):
///
///     sign(argmax - argmin) (max - min) / sqrt(median((y_{i+1} - y_i)^2))
///
/// large where the metric jumps once, near 1 times the number of steps where it grows steadily. Of equal extremes the first
/// counts, as with numpy's argmax and argmin. Infinite where more than half of the steps change nothing, NaN where a value is
/// NaN.
inline double emergence_score(std::span<const double> values) {
  expect(values.size() > 1, "emergence_score: it was given ", counted(values.size(), "value"),
         ", but a jump needs two; give one a model, in the order of their sizes.");
  if (detail::holds_nan(values)) return detail::nan;
  const auto lowest = std::min_element(values.begin(), values.end()),
             highest = std::max_element(values.begin(), values.end());
  std::vector<double> squares;
  for (std::size_t i = 1; i < values.size(); ++i) {
    squares.push_back((values[i] - values[i - 1]) * (values[i] - values[i - 1]));
  }
  const double rise = (highest > lowest ? 1 : -1) * (*highest - *lowest), usual = std::sqrt(median(squares));
  if (rise == 0) return 0;
  return usual == 0 ? std::copysign(std::numeric_limits<double>::infinity(), rise) : rise / usual;
}

}  // namespace residual
