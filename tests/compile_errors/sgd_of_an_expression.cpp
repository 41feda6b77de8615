// expected: Sgd::step: the gradient must be a vector in memory
#include "residual/residual.hpp"

using namespace residual;
void run(Sgd<float>& sgd, Column<float>& theta, const Column<float>& g) { sgd.step(theta, 2 * g, 0.1); }
