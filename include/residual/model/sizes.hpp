#pragma once

#include "residual/kernel/activation.hpp"
#include "residual/layers/cross_attention.hpp"
#include "residual/layers/feed_forward.hpp"
#include "residual/layers/self_attention.hpp"
#include "residual/model/running_stack.hpp"

namespace residual {

/// The sizes and options of a stack of Transformer blocks. The first four must be given.
struct Sizes {
  Index dim = -1;                            ///< width: features of a token
  Index heads = -1;                          ///< of attention; dim must be a multiple
  Index hidden = -1;                         ///< width of the feed-forward layer inside
  Index depth = -1;                          ///< blocks
  Activation activation = Activation::relu;  ///< of the feed-forward layer
  bool bias = true;                          ///< of the linear maps and of the scheme's norms
  bool causal = false;                       ///< self-attention sees no later token
  double dropout = 0;                        ///< of f(x), before it enters the residual
  double attention_dropout = 0;              ///< of the attention weights
  double activation_dropout = 0;             ///< of the hidden layer
  Recompute recompute = Recompute::nothing;  ///< what backward computes again
  Index kv_heads = 0, head_dim = 0;          ///< of attention; 0: as many as heads, dim / heads
  Index window = 0, chunk = 0;               ///< of self-attention: see Reach
  bool operator==(const Sizes&) const = default;
};

/// The sizes of a stack whose sub-layers were made by the caller: throws when one is given that only these could read.
inline const Sizes& expect_sizes_of_blocks(const char* who, const Sizes& sizes) {
  const Sizes read{.depth = sizes.depth, .bias = sizes.bias, .dropout = sizes.dropout, .recompute = sizes.recompute};
  expect(
      sizes == read, who,
      ": with sub-layers of your own, the sizes are depth, dropout, recompute and the bias of the scheme's norms; give "
      "all others to the sub-layers.");
  return sizes;
}

/// The sub-layer of that name for these sizes.
template <class S>
SelfAttention<S> self_attention(const Sizes& s) {
  return {.dim = s.dim,
          .heads = s.heads,
          .causal = s.causal,
          .bias = s.bias,
          .dropout = s.attention_dropout,
          .kv_heads = s.kv_heads,
          .head_dim = s.head_dim,
          .window = s.window,
          .chunk = s.chunk};
}
/// The sub-layer of that name for these sizes.
template <class S>
CrossAttention<S> cross_attention(const Sizes& s) {
  return {.dim = s.dim,
          .heads = s.heads,
          .bias = s.bias,
          .dropout = s.attention_dropout,
          .kv_heads = s.kv_heads,
          .head_dim = s.head_dim};
}
/// The sub-layer of that name for these sizes.
template <template <class> class Ffn, class S>
Ffn<S> feed_forward(const Sizes& s) {
  return {s.dim, s.hidden, s.activation, s.bias, s.activation_dropout};
}

}  // namespace residual
