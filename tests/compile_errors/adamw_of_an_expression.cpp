// expected: AdamW::step: the gradient must be a vector in memory
#include "residual/residual.hpp"

using namespace residual;
void run(AdamW<float>& adam, Column<float>& theta, const Column<float>& g) { adam.step(theta, 2 * g, 0.1); }
