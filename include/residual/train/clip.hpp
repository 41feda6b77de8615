#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "residual/core/parameter_groups.hpp"

namespace residual {

namespace detail {

/// The Euclidean norm of parts of a flat vector; each_part(visit) calls visit(part) with each.
template <class S, class EachPart>
S norm_of_parts(EachPart&& each_part) {
  using std::isfinite;
  using std::isnan;
  using std::sqrt;
  constexpr Index block = 4096;  // short sums keep float exact enough for any length
  S largest(0);
  each_part([&](const auto& x) {
    const S most = x.size() == 0 ? S(0) : x.cwiseAbs().template maxCoeff<Eigen::PropagateNaN>();
    if (isnan(most) || most > largest) largest = most;
  });
  if (!isfinite(largest) || largest == S(0)) return largest;
  S total(0);
  each_part([&](const auto& x) {
    for (Index i = 0; i < x.size(); i += block) {
      total += (x.segment(i, std::min(block, x.size() - i)) / largest).squaredNorm();
    }
  });
  return largest * sqrt(total);
}

/// What shrinks a gradient of that norm to `max_norm`; 1 where it is shorter or not finite.
template <class S>
S clipping_factor(S norm, double max_norm) {
  using std::isfinite;
  const S factor = S(max_norm) / (norm + S(1e-6));
  return isfinite(norm) && factor < S(1) ? factor : S(1);
}
/// Throws unless a gradient can have this norm.
inline void expect_max_norm(double max_norm) {
  expect(max_norm >= 0, "clip_by_global_norm: max_norm is ", max_norm, ", but it must be 0 or more.");
}

}  // namespace detail

/// The Euclidean norm of a flat vector, without overflow or underflow of the squares: a |x / a|, a = max |x_i|. What is
/// not finite makes the norm so.
template <class Flat>
typename Flat::Scalar global_norm(const Flat& x) {
  return detail::norm_of_parts<typename Flat::Scalar>([&](auto&& visit) { visit(x); });
}

/// Shrinks a gradient to the norm `max_norm` when it is longer, PyTorch's clip_grad_norm_, and returns the norm it had:
///
///     g = g min(1, max_norm / (|g| + 1e-6))
///
/// A gradient whose norm is not finite stays as it is, so that the caller sees from the norm that this step is to be
/// skipped. Throws when max_norm is negative or NaN.
template <class Flat>
typename std::remove_cvref_t<Flat>::Scalar clip_by_global_norm(Flat&& gradient, double max_norm) {
  detail::expect_max_norm(max_norm);
  const auto norm = global_norm(gradient);
  const auto factor = detail::clipping_factor(norm, max_norm);
  if (factor < 1) gradient *= factor;
  return norm;
}

/// The same for the gradient of what is trained alone: what is frozen neither counts nor changes. Throws, too, when the
/// groups are of another size.
template <class Flat>
typename std::remove_cvref_t<Flat>::Scalar clip_by_global_norm(Flat&& gradient, double max_norm,
                                                               const ParameterGroups& groups) {
  using S = typename std::remove_cvref_t<Flat>::Scalar;
  detail::expect_max_norm(max_norm);
  expect(gradient.size() == groups.size(), "clip_by_global_norm: the gradient has ", gradient.size(),
         " numbers, but the parameter groups are of ", groups.size(), "; make them with ParameterGroups(theta).");
  const auto each_range = [&](auto&& visit) {
    for (const TrainedRange& range : groups.ranges()) visit(gradient.segment(range.begin, range.size));
  };
  const S norm = detail::norm_of_parts<S>(each_range);
  const S factor = detail::clipping_factor(norm, max_norm);
  if (factor < S(1)) each_range([&](auto&& part) { part *= factor; });
  return norm;
}

}  // namespace residual
