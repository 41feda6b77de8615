#pragma once

#include "residual/model/encoder.hpp"

namespace residual {

/// Blocks of self-attention, cross-attention to a memory and feed-forward, wired by the scheme W. A decoder without
/// cross-attention is an encoder with `causal` set.
template <class W>
using Decoder =
    Stack<W, SelfAttention<typename W::Scalar>, CrossAttention<typename W::Scalar>, FeedForward<typename W::Scalar>>;

/// A decoder, causal unless the sizes say otherwise; throws when the sizes do not fit each other or the scheme.
template <class W>
Decoder<W> decoder(const W& scheme, const Sizes& sizes) {
  using S = typename W::Scalar;
  expect_sizes(sizes, scheme.dim());
  return {scheme,
          {self_attention<S>(sizes), cross_attention<S>(sizes), feed_forward<S>(sizes)},
          sizes.depth,
          sizes.dropout};
}

}  // namespace residual
