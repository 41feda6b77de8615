#pragma once

#include "residual/layers/pool.hpp"
#include "residual/model/chain.hpp"
#include "residual/model/decoder.hpp"
#include "residual/model/encoder.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"

namespace test_support {

using namespace residual;

/// Features, an encoder with dropout, a norm, a pooling and a head behind a feed-forward layer.
template <class S>
auto pooled_chain(Pooling take) {
  const Sizes sizes{.dim = 6, .heads = 2, .hidden = 7, .depth = 2, .dropout = 0.2};
  FeedForward<S> ffn{6, 5, Activation::gelu_erf};
  ffn.dropout = 0.3;
  return chain(named<"input.">(Linear<S>{3, 6}), named<"encoder.">(encoder(PreLN<S>(6), sizes)), LayerNorm<S>(6),
               Pool<S>{6, take}, ffn, named<"head.">(Linear<S>{6, 2, false}));
}
/// A chain in a chain, a decoder and no pooling.
template <class S>
auto chain_of_tokens() {
  const Sizes sizes{.dim = 4, .heads = 2, .hidden = 5, .depth = 1, .causal = true};
  const auto inner = chain(Linear<S>{3, 4}, decoder(ResiDual<S>(4), sizes));
  return chain(Linear<S>{2, 3}, inner, named<"second.">(decoder(PostLN<S>(4), sizes)), Linear<S>{4, 3});
}
/// Rows behind a pooling pass a stack, too.
template <class S>
auto stack_behind_pool() {
  const Sizes sizes{.dim = 4, .heads = 1, .hidden = 5, .depth = 1, .attention_dropout = 0.2};
  return chain(Pool<S>{4, Pooling::last}, encoder(PreLN<S>(4), sizes));
}

}  // namespace test_support
