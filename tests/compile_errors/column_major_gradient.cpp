// expected: backward: dy must be row-major and of the model's scalar
#include "residual/residual.hpp"

using namespace residual;
void run(const Encoder<PreLN<float>>& model, const Parameters<Encoder<PreLN<float>>>& theta,
         Tape<Encoder<PreLN<float>>>& tape, Parameters<Encoder<PreLN<float>>>& grad, const Eigen::MatrixXf& dy) {
  backward(model, theta, tape, dy, grad);
}
