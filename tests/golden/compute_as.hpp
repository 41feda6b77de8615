#pragma once

#include <utility>

#include "golden/run_model.hpp"
#include "golden/schemes.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/model/encoder_decoder.hpp"

namespace golden {

/// Runs the case through the stacks of its kind with feed-forward layers Ffn.
template <class S, template <class> class Ffn>
Outputs run_stacks(const Case& c) {
  const Config& config = c.config;
  residual::Sizes sizes{.dim = config.d,
                        .heads = config.heads,
                        .hidden = config.ffn,
                        .depth = config.layers,
                        .activation = config.activation,
                        .bias = config.bias,
                        .causal = c.causal};
  if (config.kind == "encoder") return run_model(residual::encoder<Ffn>(scheme_of<S>(config), sizes), c);
  if (config.kind == "decoder") return run_model(residual::decoder<Ffn>(scheme_of<S>(config), sizes), c);
  const auto decoder = residual::decoder<Ffn>(scheme_of<S>(config.of_decoder()), sizes);
  sizes.causal = false;
  return run_model(residual::encoder_decoder(residual::encoder<Ffn>(scheme_of<S>(config.of_encoder()), sizes), decoder),
                   c);
}

template <class S>
Outputs compute(const Case& c) {
  expect(std::cmp_less_equal(c.config.layers, c.tensors.size()), "config.layers is ", c.config.layers,
         ", but there are no parameters for so many.");
  return c.config.layer.gated ? run_stacks<S, residual::GatedFeedForward>(c) : run_stacks<S, residual::FeedForward>(c);
}

}  // namespace golden
