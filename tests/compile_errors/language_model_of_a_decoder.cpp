// expected: A LanguageModel has no memory for cross-attention: make its stack with encoder(...)
#include "residual/residual.hpp"

residual::LanguageModel<residual::Decoder<residual::PreLN<float>>>* model = nullptr;
auto size = sizeof(*model);
