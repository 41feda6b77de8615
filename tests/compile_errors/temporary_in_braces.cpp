// expected: a temporary matrix or std::vector would be gone when backward reads it again; give it a name first
#include "residual/residual.hpp"

using namespace residual;
void run(const LanguageModel<PreLN<float>>& model, const Parameters<LanguageModel<PreLN<float>>>& theta,
         Tape<LanguageModel<PreLN<float>>>& tape, const Batch& batch) {
  forward(model, theta, tape, {.batch = batch, .tokens = std::vector<int>{1, 2, 3}});
}
