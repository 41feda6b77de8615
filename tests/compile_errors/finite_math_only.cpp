// expected: residual computes with infinity and NaN: compile without -ffast-math
// options: -O2 -ffinite-math-only
#include "residual/kernel/simd.hpp"
