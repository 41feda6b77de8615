// expected: a temporary matrix or std::vector would be gone when backward reads it again; give it a name first
#include "residual/residual.hpp"

using namespace residual;
void run(const Encoder<PreLN<float>>& model, const Parameters<Encoder<PreLN<float>>>& theta,
         Tape<Encoder<PreLN<float>>>& tape, const Batch& batch, const Tokens<float>& x) {
  forward(model, theta, tape, {.batch = batch, .x = x, .attn_mask = {Tokens<float>(3, 3), true}});
}
