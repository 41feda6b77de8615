// expected: residual needs C++20: compile with -std=c++20 or a later standard.
// standard: c++17
#include "residual/core/batch.hpp"
