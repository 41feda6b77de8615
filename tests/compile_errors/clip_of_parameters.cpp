// expected: clip_by_global_norm: the gradient must be a vector in memory: give grad.flat()
#include "residual/residual.hpp"

using namespace residual;
void run(Parameters<Encoder<PreLN<float>>>& grad) { clip_by_global_norm(grad, 1); }
