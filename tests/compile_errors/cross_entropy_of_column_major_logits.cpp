// expected: cross_entropy: logits must be row-major: store others in a Tokens<float> first
#include "residual/residual.hpp"

using namespace residual;
float run(const Eigen::MatrixXf& logits, const std::vector<int>& targets) { return cross_entropy(logits, targets); }
