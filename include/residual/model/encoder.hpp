#pragma once

#include "residual/model/sizes.hpp"
#include "residual/model/stack.hpp"

namespace residual {

/// Blocks of self-attention and feed-forward, wired by the scheme W.
template <class W, template <class> class Ffn = FeedForward>
using Encoder = Stack<W, SelfAttention<typename W::Scalar>, Ffn<typename W::Scalar>>;

/// An encoder; throws when the sizes do not fit each other or the scheme. encoder<GatedFeedForward>(...) has gated
/// feed-forward layers.
template <template <class> class Ffn = FeedForward, class W>
Encoder<W, Ffn> encoder(const W& scheme, const Sizes& sizes) {
  using S = typename W::Scalar;
  const Encoder<W, Ffn> stack{sizes.bias ? scheme : without_bias(scheme),
                              {self_attention<S>(sizes), feed_forward<Ffn, S>(sizes)},
                              sizes.depth,
                              sizes.dropout,
                              sizes.recompute};
  stack.check();
  return stack;
}
/// An encoder of these two sub-layers, such as a SelfAttentionWith<float, Rotary<float>> and a GatedFeedForward<float>.
/// Of the sizes it takes depth, dropout, recompute and the bias of the scheme's norms; throws when others are given, or
/// when scheme and sub-layers do not fit each other.
template <class W, Layer Attention, Layer Ffn>
Stack<W, Attention, Ffn> encoder(const W& scheme, const Sizes& sizes, const Attention& attention, const Ffn& ffn) {
  const Sizes& of = expect_sizes_of_blocks("encoder", sizes);
  const Stack<W, Attention, Ffn> stack{
      of.bias ? scheme : without_bias(scheme), {attention, ffn}, of.depth, of.dropout, of.recompute};
  stack.check();
  return stack;
}

}  // namespace residual
