// expected: Make all parts of a Chain of one scalar.
#include "residual/residual.hpp"

const auto model = residual::chain(residual::Linear<float>{3, 4}, residual::Linear<double>{4, 2});
