#pragma once

#include <cmath>

#include "residual/core/check.hpp"
#include "residual/core/part.hpp"

namespace residual {

/// A gain for the projections that write to the residual stream: attention's output and the feed-forward layer's down.
/// GPT-2's is 1 / sqrt(N) for N residual sub-layers, so that a Pre-LN stream's variance does not grow with the depth.
struct OutputGain {
  double gain;  ///< of their weights
  /// The gain of a part.
  double operator()(const Part& part) const {
    const bool output = part.projection == Projection::output || part.projection == Projection::down;
    return part.role() == Role::weight && output ? gain : 1;
  }
};

/// DeepNorm's gain, Wang et al. 2022 (arXiv:2203.00555): the weights W_v, W_o, W_1 and W_2 times beta, W_q and W_k as
/// they are. W_1 and W_2 of a gated feed-forward are up and down. A model of encoder and decoder needs a gain for each: a
/// callable that chooses by the name of part.tensor.
struct DeepNormGain {
  double beta;  ///< of the scaled weights
  /// The gain of a part.
  double operator()(const Part& part) const {
    const bool scaled = part.projection == Projection::value || part.projection == Projection::up;
    return part.role() == Role::weight && scaled ? beta : OutputGain{beta}(part);
  }
};

/// DeepNorm's constants: x' = LN(alpha x + f(x)) with the gain beta.
struct DeepNormConstants {
  double alpha;  ///< the factor of the stream, a field of the scheme DeepNorm
  double beta;   ///< the gain of the weights, for DeepNormGain
};

/// For a stack alone, an encoder or a decoder of L layers: alpha = (2L)^(1/4), beta = (8L)^(-1/4).
inline DeepNormConstants deep_norm(Index layers) {
  expect(layers > 0, "deep_norm: ", layers, " layers were given, but DeepNorm's constants need 1 or more.");
  const double L = double(layers);
  return {std::pow(2 * L, 0.25), std::pow(8 * L, -0.25)};
}

/// For the encoder, L layers, of a model with a decoder of M: alpha = 0.81 (L^4 M)^(1/16), beta = 0.87 (L^4 M)^(-1/16).
inline DeepNormConstants deep_norm_encoder(Index encoder_layers, Index decoder_layers) {
  expect(encoder_layers > 0 && decoder_layers > 0, "deep_norm_encoder: ", encoder_layers, " encoder and ",
         decoder_layers, " decoder layers were given, but DeepNorm's constants need 1 or more of each.");
  const double L = double(encoder_layers), M = double(decoder_layers);
  const double depth = std::pow(L * L * L * L * M, 1.0 / 16);
  return {0.81 * depth, 0.87 / depth};
}

/// For the decoder, M layers, of a model with an encoder: alpha = (3M)^(1/4), beta = (12M)^(-1/4).
inline DeepNormConstants deep_norm_decoder(Index decoder_layers) {
  expect(decoder_layers > 0, "deep_norm_decoder: ", decoder_layers,
         " layers were given, but DeepNorm's constants need 1 or more.");
  const double M = double(decoder_layers);
  return {std::pow(3 * M, 0.25), std::pow(12 * M, -0.25)};
}

}  // namespace residual
