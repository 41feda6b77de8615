#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "residual/core/check.hpp"

namespace residual {

/// The Euclidean norm of a flat vector, without overflow or underflow of the squares: a |x / a|, a = max |x_i|. What is
/// not finite makes the norm so.
template <class Flat>
typename Flat::Scalar global_norm(const Flat& x) {
  using S = typename Flat::Scalar;
  using std::isfinite;
  using std::sqrt;
  constexpr Index block = 4096;  // short sums keep float exact enough for any length
  if (x.size() == 0) return S(0);
  const S largest = x.cwiseAbs().template maxCoeff<Eigen::PropagateNaN>();
  if (!isfinite(largest) || largest == S(0)) return largest;
  S total(0);
  for (Index i = 0; i < x.size(); i += block) {
    total += (x.segment(i, std::min(block, x.size() - i)) / largest).squaredNorm();
  }
  return largest * sqrt(total);
}

/// Shrinks a gradient to the norm `max_norm` when it is longer, PyTorch's clip_grad_norm_, and returns the norm it had:
///
///     g = g min(1, max_norm / (|g| + 1e-6))
///
/// A gradient whose norm is not finite stays as it is, so that the caller sees from the norm that this step is to be
/// skipped. Throws when max_norm is negative or NaN.
template <class Flat>
typename std::remove_cvref_t<Flat>::Scalar clip_by_global_norm(Flat&& gradient, double max_norm) {
  using S = typename std::remove_cvref_t<Flat>::Scalar;
  using std::isfinite;
  expect(max_norm >= 0, "clip_by_global_norm: max_norm is ", max_norm, ", but it must be 0 or more.");
  const S norm = global_norm(gradient);
  const S factor = S(max_norm) / (norm + S(1e-6));
  if (isfinite(norm) && factor < S(1)) gradient *= factor;
  return norm;
}

}  // namespace residual
