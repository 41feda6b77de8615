// expected: Decoding::step: this is no beginning of the model's Input
#include "residual/residual.hpp"

using namespace residual;
using Text = LanguageModel<Encoder<PreLN<float>>>;
void run(Decoding<Text>& decoding, const Batch& batch, const Tokens<float>& x) { decoding.step(batch, x); }
