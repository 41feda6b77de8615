// expected: backward: where an input's gradient is added must be row-major
#include "residual/residual.hpp"

using namespace residual;
void run(const Encoder<PreLN<float>>& model, const Parameters<Encoder<PreLN<float>>>& theta,
         Tape<Encoder<PreLN<float>>>& tape, Parameters<Encoder<PreLN<float>>>& grad, const Tokens<float>& dy,
         Eigen::MatrixXf& dx) {
  backward(model, theta, tape, dy, grad, {.x = dx});
}
