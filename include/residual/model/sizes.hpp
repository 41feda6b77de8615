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
};

/// The sub-layer of that name for these sizes.
template <class S>
SelfAttention<S> self_attention(const Sizes& s) {
  return {s.dim, s.heads, s.causal, s.bias, s.attention_dropout};
}
/// The sub-layer of that name for these sizes.
template <class S>
CrossAttention<S> cross_attention(const Sizes& s) {
  return {s.dim, s.heads, s.bias, s.attention_dropout};
}
/// The sub-layer of that name for these sizes.
template <template <class> class Ffn, class S>
Ffn<S> feed_forward(const Sizes& s) {
  return {s.dim, s.hidden, s.activation, s.bias, s.activation_dropout};
}

}  // namespace residual
