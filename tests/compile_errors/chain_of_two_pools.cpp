// expected: A Chain pools once: behind a Pool there is one row a sequence
#include "residual/residual.hpp"

const auto model = residual::chain(residual::Pool<float>{4}, residual::Pool<float>{4});
