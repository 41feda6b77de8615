#pragma once

#include "residual/layers/attention/rotary.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "support/decoding_life.hpp"

namespace test_support {

/// Of two causal blocks with that window.
inline Sizes sizes_with(Index window, Index dim = 8) {
  return {.dim = dim, .heads = 2, .hidden = 2 * dim, .depth = 2, .causal = true, .window = window};
}
/// Self-attention whose positions leave the table soon.
template <class S>
SelfAttentionWith<S, Rotary<S>> turning(Index window) {
  return {.dim = 8, .heads = 2, .causal = true, .window = window, .maps = {Rotary<S>(4, {.longest = 8})}};
}
/// Two blocks of it.
template <class W>
auto turning_stack(const W& scheme, Index window) {
  using S = typename W::Scalar;
  return encoder(scheme, {.depth = 2}, turning<S>(window), FeedForward<S>{8, 16});
}
/// A language model of these blocks, without positions of its own.
template <class S>
auto words(Index window) {
  return LanguageModel(Embedding<S>(vocabulary, 8, 1, Positions::none), turning_stack(ResiDual<S>(8), window));
}

}  // namespace test_support
