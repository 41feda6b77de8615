// expected: residual computes with infinity and NaN: compile without -ffast-math
// options: -Ofast
#include "residual/train/random.hpp"
