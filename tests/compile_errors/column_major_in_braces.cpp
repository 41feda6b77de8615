// expected: matrices must be row-major and of the model's scalar
#include "residual/residual.hpp"

using namespace residual;
void run(const Encoder<PreLN<float>>& model, const Parameters<Encoder<PreLN<float>>>& theta,
         Tape<Encoder<PreLN<float>>>& tape, const Batch& batch, const Eigen::MatrixXf& x) {
  forward(model, theta, tape, {.batch = batch, .x = x});
}
