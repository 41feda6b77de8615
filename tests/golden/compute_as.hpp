#pragma once

#include <utility>

#include "golden/run_model.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"

namespace golden {

/// Runs the case through the stacks of its kind, wired by the scheme.
template <class W>
Outputs run_scheme(const W& scheme, const Case& c) {
  const Config& config = c.config;
  residual::Sizes sizes{.dim = config.d,
                        .heads = config.heads,
                        .hidden = config.ffn,
                        .depth = config.layers,
                        .activation = config.activation,
                        .bias = config.bias};
  const bool causal_encoder = c.causal && config.kind == "encoder";
  sizes.causal = causal_encoder;
  const auto encoder = residual::encoder(scheme, sizes);
  if (config.kind == "encoder") return run_model(encoder, c);
  sizes.causal = c.causal;
  const auto decoder = residual::decoder(scheme, sizes);
  if (config.kind == "decoder") return run_model(decoder, c);
  return run_model(residual::encoder_decoder(encoder, decoder), c);
}

template <class S>
Outputs compute(const Case& c) {
  using Norm = residual::LayerNorm<S>;
  using Nothing = residual::Identity<S>;
  const Config& config = c.config;
  expect(std::cmp_less_equal(config.layers, c.tensors.size()), "config.layers is ", config.layers,
         ", but there are no parameters for so many.");
  const Norm norm(config.d, S(config.eps));
  const Norm last = config.final_norm ? Norm(config.d, S(config.final_eps)) : norm;
  if (config.arch == "residual") {
    return run_scheme(residual::ResiDual<S>(norm, last, S(config.scale), S(config.alpha)), c);
  }
  if (config.arch == "post") {
    if (config.final_norm) return run_scheme(residual::PostLN<S, Norm, Norm>(norm, last), c);
    return run_scheme(residual::PostLN<S>(norm, Nothing()), c);
  }
  if (config.final_norm) return run_scheme(residual::PreLN<S>(norm, last), c);
  return run_scheme(residual::PreLN<S, Norm, Nothing>(norm, Nothing()), c);
}

}  // namespace golden
