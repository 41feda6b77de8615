// expected: a window to read is not assigned to; let it show another matrix, y.show(m)
#include "residual/residual.hpp"

using namespace residual;
void run(const Encoder<PreLN<float>>& model, const Parameters<Encoder<PreLN<float>>>& theta,
         Tape<Encoder<PreLN<float>>>& tape, const Batch& batch, const Tokens<float>& x) {
  In<float> y;
  for (int step = 0; step < 2; ++step) y = forward(model, theta, tape, batch, x);
}
