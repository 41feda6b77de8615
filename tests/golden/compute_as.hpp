#pragma once

#include <utility>

#include "golden/run_model.hpp"
#include "golden/schemes.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/named.hpp"
#include "residual/model/encoder_decoder.hpp"

namespace golden {

/// An encoder of Macaron's blocks: a feed-forward before the self-attention and one behind it.
template <class S, template <class> class Ffn>
auto macaron(const residual::AnyScheme<S>& scheme, const residual::Sizes& sizes) {
  using namespace residual;
  using Stack = residual::Stack<AnyScheme<S>, Named<"ffn1.", Ffn<S>>, SelfAttention<S>, Named<"ffn2.", Ffn<S>>>;
  const auto ffn = feed_forward<Ffn, S>(sizes);
  return Stack{sizes.bias ? scheme : without_bias(scheme),
               {Named<"ffn1.", Ffn<S>>{ffn}, self_attention<S>(sizes), Named<"ffn2.", Ffn<S>>{ffn}},
               sizes.depth};
}

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
  if (config.arch == "macaron") return run_model(macaron<S, Ffn>(scheme_of<S>(config), sizes), c);
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
