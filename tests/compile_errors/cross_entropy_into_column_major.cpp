// expected: cross_entropy: logits and dlogits must be row-major and of one scalar
#include "residual/residual.hpp"

using namespace residual;
float run(const Tokens<float>& logits, const std::vector<int>& targets, Eigen::MatrixXf& dlogits) {
  return cross_entropy(logits, targets, dlogits, {.label_smoothing = 0.1});
}
