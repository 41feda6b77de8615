#pragma once

#include "residual/model/sizes.hpp"
#include "residual/model/stack.hpp"

namespace residual {

/// Blocks of self-attention, cross-attention to a memory and feed-forward, wired by the scheme W. A decoder without
/// cross-attention is an encoder with `causal` set.
template <class W, template <class> class Ffn = FeedForward>
using Decoder =
    Stack<W, SelfAttention<typename W::Scalar>, CrossAttention<typename W::Scalar>, Ffn<typename W::Scalar>>;

/// A decoder, causal where the sizes say so; throws when the sizes do not fit each other or the scheme.
template <template <class> class Ffn = FeedForward, class W>
Decoder<W, Ffn> decoder(const W& scheme, const Sizes& sizes) {
  using S = typename W::Scalar;
  const Decoder<W, Ffn> stack{sizes.bias ? scheme : without_bias(scheme),
                              {self_attention<S>(sizes), cross_attention<S>(sizes), feed_forward<Ffn, S>(sizes)},
                              sizes.depth,
                              sizes.dropout,
                              sizes.recompute};
  stack.check();
  return stack;
}
/// A decoder of these three sub-layers. Of the sizes it takes depth, dropout, recompute and the bias of the scheme's
/// norms; throws when others are given, or when scheme and sub-layers do not fit each other.
template <class W, Layer Attention, Layer Cross, Layer Ffn>
Stack<W, Attention, Cross, Ffn> decoder(const W& scheme, const Sizes& sizes, const Attention& attention,
                                        const Cross& cross_attention, const Ffn& ffn) {
  const Sizes& of = expect_sizes_of_blocks("decoder", sizes);
  const Stack<W, Attention, Cross, Ffn> stack{
      of.bias ? scheme : without_bias(scheme), {attention, cross_attention, ffn}, of.depth, of.dropout, of.recompute};
  stack.check();
  return stack;
}

}  // namespace residual
