#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "residual/core/view.hpp"

namespace test_support {

using residual::Index;

/// Whether f(x, y) holds for every pair of entries of two dense objects of one shape; names the first pair for which not.
template <class A, class B, class F>
testing::AssertionResult every_pair(const A& a, const B& b, F&& f) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) {
    return testing::AssertionFailure() << "shapes [" << a.rows() << " x " << a.cols() << "] and [" << b.rows() << " x "
                                       << b.cols() << "]";
  }
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < a.cols(); ++j) {
      if (f(a(i, j), b(i, j))) continue;
      return testing::AssertionFailure() << testing::PrintToString(a(i, j)) << " and "
                                         << testing::PrintToString(b(i, j)) << " at (" << i << ", " << j << ") of ["
                                         << a.rows() << " x " << a.cols() << "]";
    }
  }
  return testing::AssertionSuccess();
}

/// Equal in every entry, signs of zeros included; any NaN is a NaN. (Padding keeps memcmp from long double.)
template <class A, class B>
testing::AssertionResult same_bits(const A& a, const B& b) {
  return every_pair(a, b, [](const auto& x, const auto& y) {
    return x == y ? std::signbit(x) == std::signbit(y) : std::isnan(x) && std::isnan(y);
  });
}

/// == in every entry, which takes -0 for 0. NaN is equal to nothing.
template <class A, class B>
testing::AssertionResult equal(const A& a, const B& b) {
  return every_pair(a, b, [](const auto& x, const auto& y) { return x == y; });
}

/// |a - b| <= tolerance times the largest entry of b, or times 1.
template <class A, class B>
testing::AssertionResult near(const A& a, const B& b, double tolerance) {
  const double size = b.size() == 0 ? 1 : std::max(1.0, double(b.cwiseAbs().maxCoeff()));
  return every_pair(a, b, [&](const auto& x, const auto& y) { return std::abs(double(x - y)) <= tolerance * size; });
}

/// What rounding may cost in a stack of a few blocks.
template <class S>
inline constexpr double rounding = 500 * double(std::numeric_limits<S>::epsilon());

template <class S>
inline constexpr S not_a_number = std::numeric_limits<S>::quiet_NaN();

}  // namespace test_support
