#pragma once

#include "residual/layers/cross_attention.hpp"
#include "residual/layers/feed_forward.hpp"
#include "residual/layers/self_attention.hpp"
#include "residual/model/stack.hpp"

namespace residual {

/// The sizes and options of a stack of Transformer blocks.
struct Sizes {
  Index dim, heads, hidden, depth;
  Activation activation = Activation::relu;
  bool bias = true;     ///< of the linear maps; a norm's is the scheme's
  bool causal = false;  ///< self-attention sees no later token
  double dropout = 0;   ///< of f(x), before it enters the residual
  double attention_dropout = 0;
  double activation_dropout = 0;
};

/// Throws a sentence about the first size that cannot be.
inline void expect_sizes(const Sizes& sizes, Index scheme_dim) {
  expect(sizes.dim > 0 && sizes.heads > 0 && sizes.hidden > 0 && sizes.depth >= 0, "Sizes: dim ", sizes.dim, ", heads ",
         sizes.heads, ", hidden ", sizes.hidden, ", depth ", sizes.depth,
         ", but all must be greater than 0 (depth may be 0).");
  expect(sizes.dim % sizes.heads == 0, "Sizes: dim ", sizes.dim, " is not a multiple of heads ", sizes.heads,
         "; each head takes dim / heads columns.");
  expect(sizes.dim == scheme_dim, "Sizes: dim is ", sizes.dim, ", but the residual scheme was made for ", scheme_dim,
         "; give both the same width.");
  expect_rate("Sizes: dropout", sizes.dropout);
  expect_rate("Sizes: attention_dropout", sizes.attention_dropout);
  expect_rate("Sizes: activation_dropout", sizes.activation_dropout);
}

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

/// The scheme without its norms' biases when the sizes ask for none.
template <class W>
W without_bias_if(W scheme, const Sizes& sizes) {
  if constexpr (requires { scheme.step.bias; }) scheme.step.bias = scheme.step.bias && sizes.bias;
  if constexpr (requires { scheme.last.bias; }) scheme.last.bias = scheme.last.bias && sizes.bias;
  return scheme;
}

/// Blocks of self-attention and feed-forward, wired by the scheme W.
template <class W, template <class> class Ffn = FeedForward>
using Encoder = Stack<W, SelfAttention<typename W::Scalar>, Ffn<typename W::Scalar>>;

/// An encoder; throws when the sizes do not fit each other or the scheme. encoder<GatedFeedForward>(...) has gated
/// feed-forward layers.
template <template <class> class Ffn = FeedForward, class W>
Encoder<W, Ffn> encoder(const W& scheme, const Sizes& sizes) {
  using S = typename W::Scalar;
  expect_sizes(sizes, scheme.dim());
  return {without_bias_if(scheme, sizes),
          {self_attention<S>(sizes), feed_forward<Ffn, S>(sizes)},
          sizes.depth,
          sizes.dropout};
}

}  // namespace residual
