// expected: and targets in a std::vector<int>
#include "residual/residual.hpp"

using namespace residual;
float run(const Tokens<float>& logits, const std::vector<long>& targets, Tokens<float>& dlogits) {
  return cross_entropy(logits, targets, dlogits);
}
