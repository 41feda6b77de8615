// expected: Two parts of a Chain have one name: give one of them another
#include "residual/residual.hpp"

using namespace residual;
const auto model = chain(named<"head.">(Linear<float>{3, 4}), named<"head.">(Linear<float>{4, 2}));
