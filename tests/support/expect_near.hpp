#pragma once

#include <gtest/gtest.h>

#include <cmath>

namespace test_support {

/// Expects two numbers to differ by `tolerance` at most, in long double.
inline void expect_near(long double value, long double expected, long double tolerance) {
  EXPECT_LE(std::abs(value - expected), tolerance) << value << " is not " << expected;
}

}  // namespace test_support
