// expected: let names of your own begin with a letter
#include "residual/residual.hpp"

using namespace residual;
auto two() { return chain(named<"1.">(Linear<float>{8, 8}), Linear<float>{8, 8}); }
