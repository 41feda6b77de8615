// expected: residual computes with infinity and NaN: compile without -ffast-math
// options: -ffast-math
#include "residual/core/batch.hpp"
