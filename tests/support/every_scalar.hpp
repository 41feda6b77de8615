#pragma once

#include <gtest/gtest.h>

namespace test_support {

using EveryScalar = testing::Types<float, double>;

}  // namespace test_support
