// expected: store others in a Tokens<float> first
#include "residual/residual.hpp"

using namespace residual;
void run(Decoding<Encoder<PreLN<float>>>& decoding) { decoding.step(Tokens<float>::Random(2, 8)); }
