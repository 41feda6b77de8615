// expected: what reads tokens or a source stands around a chain, not in it
#include "residual/residual.hpp"

using Text = residual::LanguageModel<residual::Encoder<residual::PreLN<float>>>;
residual::Chain<Text, residual::Linear<float>>* model = nullptr;
auto size = sizeof(*model);
