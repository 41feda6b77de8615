#pragma once

#include <sstream>
#include <string>

#include "residual/model/sizes.hpp"
#include "support/random.hpp"

namespace test_support {

/// Sizes of a small stack, with or without biases and dropout.
inline residual::Sizes random_sizes(Random& random) {
  using enum residual::Activation;
  residual::Sizes sizes;
  sizes.heads = random.integer(1, 3);
  sizes.dim = sizes.heads * random.integer(sizes.heads == 1 ? 3 : 2, 8 / sizes.heads);
  sizes.hidden = random.integer(1, 9);
  sizes.depth = random.one_of<Index>({0, 1, 1, 2, 2, 3, 4});
  sizes.activation = random.one_of({relu, gelu_erf, gelu_tanh, silu});
  sizes.bias = random.chance(0.7);
  sizes.causal = random.chance(0.5);
  for (double* rate : {&sizes.dropout, &sizes.attention_dropout, &sizes.activation_dropout}) {
    *rate = random.one_of({0.0, 0.1, 0.4});
  }
  return sizes;
}

/// "dim 6, heads 2, ...": to say which model a test failed on.
inline std::string text(const residual::Sizes& s) {
  std::ostringstream text;
  text << "dim " << s.dim << ", heads " << s.heads << ", hidden " << s.hidden << ", depth " << s.depth
       << ", activation " << int(s.activation) << ", bias " << s.bias << ", causal " << s.causal << ", dropout "
       << s.dropout << " " << s.attention_dropout << " " << s.activation_dropout << ", recompute " << int(s.recompute);
  return text.str();
}

}  // namespace test_support
