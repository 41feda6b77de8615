#pragma once

#include "residual/merge/interpolate.hpp"

namespace residual {

/// Task arithmetic, Ilharco et al. 2022 (arXiv:2212.04089), around the model that all were trained from, where chosen;
/// `merged` keeps the rest:
///
///     theta = theta_0 + lambda sum_m (theta_m - theta_0)
///
/// Models that are equal to the seed, and a single one with lambda 1, give themselves, lambda 0 gives the seed, bit for bit.
/// Throws, with nothing changed, when the models have different shapes, lambda is no finite number of the scalar or nothing is
/// chosen.
template <class M>
void task_arithmetic(const Parameters<M>& seed, const std::vector<Parameters<M>>& models, double lambda,
                     Parameters<M>& merged, const Selection& where = parts::all) {
  using S = typename M::Scalar;
  detail::expect_alike("task_arithmetic", models, merged);
  expect(seed.fingerprint() == merged.fingerprint(), "task_arithmetic: the seed (", seed.size(),
         " numbers) has another shape than `merged` (", merged.size(), "); give models of one shape.");
  expect(std::isfinite(S(lambda)), "task_arithmetic: lambda is ", lambda,
         ", but it must be a finite number, such as 0.5.");
  each_chosen("task_arithmetic", merged.manifest(), where, [&](const Part&, Index begin, Index size) {
    const auto base = seed.flat().segment(begin, size);
    const bool is_first = models.size() == 1 && lambda == 1;
    Column<S> result = is_first ? models[0].flat().segment(begin, size) : base;
    for (std::size_t m = 0; m < models.size() && !is_first; ++m) {
      detail::add_difference<S>(result, S(lambda), models[m].flat().segment(begin, size), base);
    }
    merged.flat().segment(begin, size) = result;
  });
}

}  // namespace residual
