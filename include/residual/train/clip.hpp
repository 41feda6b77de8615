#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "residual/core/flat_memory.hpp"
#include "residual/core/parameter_groups.hpp"

namespace residual {
namespace detail {

/// A norm as a product that may be larger than any number: a |x / a|, a = max |x_i|, which is not finite where x is not.
template <class S>
struct ScaledNorm {
  S largest, relative;

  bool finite() const {
    using std::isfinite;
    return isfinite(largest);
  }
  /// Whether no number is as large.
  bool overflows() const { return finite() && largest > std::numeric_limits<S>::max() / relative; }
  /// The norm, or the largest number there is.
  S value() const { return overflows() ? std::numeric_limits<S>::max() : largest * relative; }
};

/// That of parts of a flat vector; each_part(visit) calls visit(part) with each.
template <class S, class EachPart>
ScaledNorm<S> norm_of_parts(EachPart&& each_part) {
  using std::isnan;
  using std::sqrt;
  constexpr Index block = 4096;  // short sums keep float exact enough for any length
  S largest(0);
  each_part([&](const auto& x) {
    const S most = x.size() == 0 ? S(0) : x.cwiseAbs().template maxCoeff<Eigen::PropagateNaN>();
    if (isnan(most) || most > largest) largest = most;
  });
  if (!ScaledNorm<S>{largest, S(1)}.finite() || largest == S(0)) return {largest, S(1)};
  S total(0);
  each_part([&](const auto& x) {
    for (Index i = 0; i < x.size(); i += block) {
      total += (x.segment(i, std::min(block, x.size() - i)) / largest).squaredNorm();
    }
  });
  return {largest, sqrt(total)};
}

/// Shrinks the parts to the norm `max_norm` where they are longer; returns the norm they had.
template <class S, class EachPart>
S clip_parts(EachPart&& each_part, double max_norm) {
  expect(max_norm >= 0, "clip_by_global_norm: max_norm is ", max_norm, ", but it must be 0 or more.");
  const ScaledNorm<S> norm = norm_of_parts<S>(each_part);
  if (!norm.finite()) return norm.largest;
  if (norm.overflows()) {
    const S longest = S(max_norm) / norm.relative;
    if (longest < norm.largest) each_part([&](auto&& part) { part = part / norm.largest * longest; });
  } else {
    const S factor = S(max_norm) / (norm.value() + S(1e-6));
    if (factor < S(1)) each_part([&](auto&& part) { part *= factor; });
  }
  return norm.value();
}

}  // namespace detail

/// What can be clipped: a vector in memory.
template <class Flat>
concept FlatGradient = FlatMemory<Flat, typename Flat::Scalar>;

/// The Euclidean norm of a flat vector, without overflow or underflow of the squares, the largest number there is where it is
/// larger. What is not finite makes the norm so.
template <class Flat>
typename Flat::Scalar global_norm(const Flat& x) {
  return detail::norm_of_parts<typename Flat::Scalar>([&](auto&& visit) { visit(x); }).value();
}

/// Shrinks a gradient to the norm `max_norm` when it is longer, PyTorch's clip_grad_norm_, and returns the norm it had:
///
///     g = g min(1, max_norm / (|g| + 1e-6))
///
/// A gradient of numbers that are not all finite stays as it is, so that the caller sees from the norm that this step is to
/// be skipped; one whose norm is larger than any number is shrunk, too. Throws when max_norm is negative or NaN.
template <class Flat>
  requires FlatGradient<std::remove_cvref_t<Flat>>
typename std::remove_cvref_t<Flat>::Scalar clip_by_global_norm(Flat&& gradient, double max_norm) {
  return detail::clip_parts<typename std::remove_cvref_t<Flat>::Scalar>([&](auto&& visit) { visit(gradient); },
                                                                        max_norm);
}

/// Clips the gradient of what is trained alone: what is frozen neither counts nor changes. Throws, too, when the groups are
/// of another size.
template <class Flat>
  requires FlatGradient<std::remove_cvref_t<Flat>>
typename std::remove_cvref_t<Flat>::Scalar clip_by_global_norm(Flat&& gradient, double max_norm,
                                                               const ParameterGroups& groups) {
  expect(gradient.size() == groups.size(), "clip_by_global_norm: the gradient has ", counted(gradient.size(), "number"),
         ", but the parameter groups are of ", groups.size(), "; make them with ParameterGroups(theta).");
  return detail::clip_parts<typename std::remove_cvref_t<Flat>::Scalar>(
      [&](auto&& visit) {
        for (const TrainedRange& range : groups.ranges()) visit(gradient.segment(range.begin, range.size));
      },
      max_norm);
}

/// Says what the gradient must be, where it is no vector in memory.
template <class G, class... Groups>
  requires(!FlatGradient<std::remove_cvref_t<G>>)
double clip_by_global_norm(G&&, double, const Groups&...) {
  static_assert(sizeof(G) == 0,
                "clip_by_global_norm: the gradient must be a vector in memory: give grad.flat(), not the parameters "
                "themselves nor an expression.");
  return 0;
}

}  // namespace residual
