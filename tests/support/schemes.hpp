#pragma once

#include <gtest/gtest.h>

#include "residual/residual.hpp"
#include "support/random.hpp"

namespace test_support {

using residual::LayerNorm;
using residual::None;
using residual::RMSNorm;

template <class S>
S random_epsilon(Random& random) {
  return S(random.one_of({1e-7, 1e-5, 1e-3, 0.1}));
}
template <class S>
LayerNorm<S> random_layer_norm(Random& random, Index dim) {
  const bool affine = random.chance(0.8), bias = random.chance(0.8);
  return LayerNorm<S>(dim, random_epsilon<S>(random), affine, bias);
}
template <class S>
RMSNorm<S> random_rms_norm(Random& random, Index dim) {
  return RMSNorm<S>(dim, random_epsilon<S>(random), random.chance(0.8));
}

// Residual schemes with random options: `make` draws the same ones for every scalar, since its `random` is a copy.

struct PostLNScheme {
  static constexpr const char* name = "PostLN";
  template <class S>
  static auto make(Random random, Index dim) {
    return residual::PostLN<S>(random_layer_norm<S>(random, dim), None<S>());
  }
};
struct PostLNWithLastNorm {
  static constexpr const char* name = "PostLNWithLastNorm";
  template <class S>
  static auto make(Random random, Index dim) {
    const auto step = random_rms_norm<S>(random, dim);
    return residual::PostLN<S, RMSNorm<S>, LayerNorm<S>>(step, random_layer_norm<S>(random, dim));
  }
};
struct PreLNScheme {
  static constexpr const char* name = "PreLN";
  template <class S>
  static auto make(Random random, Index dim) {
    const auto step = random_layer_norm<S>(random, dim);
    return residual::PreLN<S>(step, random_layer_norm<S>(random, dim));
  }
};
struct PreLNWithoutLastNorm {
  static constexpr const char* name = "PreLNWithoutLastNorm";
  template <class S>
  static auto make(Random random, Index dim) {
    return residual::PreLN<S, RMSNorm<S>, None<S>>(random_rms_norm<S>(random, dim), None<S>());
  }
};
struct ResiDualScheme {
  static constexpr const char* name = "ResiDual";
  template <class S>
  static auto make(Random random, Index dim) {
    const auto step = random_layer_norm<S>(random, dim), last = random_layer_norm<S>(random, dim);
    const S scale = S(random.one_of({1.0, 0.5, 0.05, 1.7})), alpha = S(random.one_of({1.0, 0.25, 2.3, 0.0}));
    return residual::ResiDual<S>(step, last, scale, alpha);
  }
};

/// All residual schemes. Add yours here, and it is tested as the others are.
using Schemes = ::testing::Types<PostLNScheme, PostLNWithLastNorm, PreLNScheme, PreLNWithoutLastNorm, ResiDualScheme>;

/// For TYPED_TEST_SUITE: names the tests after the schemes.
struct SchemeNames {
  template <class Scheme>
  static std::string GetName(int) {
    return Scheme::name;
  }
};

/// Sizes of a small stack, with or without biases and dropout.
inline residual::Sizes random_sizes(Random& random) {
  using enum residual::Activation;
  residual::Sizes sizes{};
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
       << s.dropout << " " << s.attention_dropout << " " << s.activation_dropout;
  return text.str();
}

}  // namespace test_support
