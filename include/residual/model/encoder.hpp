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

}  // namespace residual
