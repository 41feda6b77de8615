#pragma once

#include <cmath>
#include <vector>

#include "residual/core/chosen.hpp"
#include "residual/core/parameters.hpp"

namespace residual {

namespace detail {

/// Throws unless there are models and all have the shape of `merged`.
template <class M>
void expect_alike(const char* who, const std::vector<Parameters<M>>& models, const Parameters<M>& merged) {
  expect(!models.empty(), who, ": there are no models; give one or more.");
  for (std::size_t m = 0; m < models.size(); ++m) {
    expect(models[m].fingerprint() == merged.fingerprint(), who, ": model ", m, " (", models[m].size(),
           " numbers) has another shape than `merged` (", merged.size(), "); give models of one shape.");
  }
}

/// x += factor (a - b), but an entry in which a and b are equal keeps its bits, as all do where the factor is 0.
template <class S>
void add_difference(Column<S>& x, S factor, const Eigen::Ref<const Column<S>>& a,
                    const Eigen::Ref<const Column<S>>& b) {
  if (factor == S(0)) return;
  for (Index i = 0; i < x.size(); ++i) {
    if (a[i] == b[i]) continue;
    const S difference = a[i] - b[i];  // may be more than S holds though its part is not
    if (is_finite(difference)) {
      x[i] += factor * difference;
    } else {
      x[i] += factor * a[i] - factor * b[i];
    }
  }
}

/// residual::interpolate for `who`, whom its sentences name.
template <class M>
void interpolate(const char* who, const std::vector<Parameters<M>>& models, const std::vector<double>& weights,
                 Parameters<M>& merged, const Selection& where) {
  using S = typename M::Scalar;
  expect_alike(who, models, merged);
  expect(weights.size() == models.size(), who, ": there are ", weights.size(), " weights, but ", models.size(),
         " models; give one a model.");
  double sum = 0;
  std::size_t heaviest = 0;
  for (std::size_t m = 0; m < weights.size(); ++m) {
    expect(is_finite(S(weights[m])), who, ": weight ", m, " is ", weights[m],
           ", but it must be finite as the models' scalar; give smaller weights whose sum is 1.");
    sum += weights[m];
    if (std::abs(weights[m]) > std::abs(weights[heaviest])) heaviest = m;
  }
  expect(std::abs(sum - 1) <= 1e-9, who, ": the weights' sum is ", sum,
         ", but it must be 1; for multiples of differences use task_arithmetic.");
  each_chosen(who, merged.manifest(), where, [&](const Part&, Index begin, Index size) {
    const auto base = models[heaviest].flat().segment(begin, size);
    Column<S> result = base;
    for (std::size_t m = 0; m < models.size(); ++m) {
      if (m != heaviest) add_difference<S>(result, S(weights[m]), models[m].flat().segment(begin, size), base);
    }
    merged.flat().segment(begin, size) = result;
  });
}

/// residual::mean for `who`.
template <class M>
void mean(const char* who, const std::vector<Parameters<M>>& models, Parameters<M>& merged, const Selection& where) {
  interpolate(who, models, std::vector<double>(models.size(), 1.0 / double(models.size())), merged, where);
}

}  // namespace detail

/// The weighted mean of models, where chosen; `merged` keeps the rest:
///
///     theta = sum_m w_m theta_m,   sum_m w_m = 1
///
/// Models that are equal, and a model of weight 1 beside others of weight 0, give themselves, bit for bit. Throws, with
/// nothing changed, when the models have different shapes, the weights do not fit or nothing is chosen.
template <class M>
void interpolate(const std::vector<Parameters<M>>& models, const std::vector<double>& weights, Parameters<M>& merged,
                 const Selection& where = parts::all) {
  detail::interpolate("interpolate", models, weights, merged, where);
}

/// The mean of models, where chosen, as interpolate with equal weights.
template <class M>
void mean(const std::vector<Parameters<M>>& models, Parameters<M>& merged, const Selection& where = parts::all) {
  detail::mean("mean", models, merged, where);
}

}  // namespace residual
