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

}  // namespace residual
