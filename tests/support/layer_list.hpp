#pragma once

#include "residual/layers/any_norm.hpp"
#include "residual/layers/attention/qk_norm.hpp"
#include "residual/layers/attention/rotary.hpp"
#include "residual/layers/attention/value_residual.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/pointwise_norm.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/layers/sub_ln_feed_forward.hpp"
#include "residual/model/stack.hpp"
#include "residual/wiring/any_scheme.hpp"
#include "residual/wiring/pre_ln.hpp"

namespace test_support {

using namespace residual;

/// Blocks of Pre-LN with these sub-layers, `dim` = 12 wide, and norms of that kind.
template <class S, class N, class A, class F>
auto two_blocks(const N& norm, const A& attention, const F& ffn) {
  return Stack<AnyScheme<S>, A, F>{PreLN<S, N, N>(norm, norm), {attention, ffn}, 2};
}

/// LLaMA's and Qwen 3's block: grouped queries, QK-norm, rotary positions, RMSNorm, a gated feed-forward.
struct LlamaLike {
  template <class S>
  static auto make(S) {
    using A = SelfAttentionWith<S, QKNorm<S>, Rotary<S>>;
    const A attention{.dim = 12,
                      .heads = 4,
                      .causal = true,
                      .bias = false,
                      .kv_heads = 2,
                      .head_dim = 6,
                      .maps = {QKNorm<S>{RMSNorm<S>(6), RMSNorm<S>(6, S(1e-3))}, Rotary<S>(4, {.longest = 7})}};
    return two_blocks<S>(RMSNorm<S>(12), attention, GatedFeedForward<S>{12, 20, Activation::silu, false});
  }
};
/// Gemma's and gpt-oss's: a window in every second block, soft caps, sinks, a gain of 1 + w, biases on q, k and v alone.
struct GemmaLike {
  template <class S>
  static auto make(S) {
    const SelfAttention<S> attention{.dim = 12,
                                     .heads = 3,
                                     .causal = true,
                                     .bias = false,
                                     .kv_heads = 1,
                                     .qkv_bias = true,
                                     .window = 3,
                                     .windowed = {true, false},
                                     .scores = {.width = 5, .softcap = 2},
                                     .sinks = true};
    return two_blocks<S>(RMSNorm<S>(12, S(1e-6), true, 1), attention,
                         GatedFeedForward<S>{12, 17, Activation::gelu_tanh, false});
  }
};
/// Norms inside the sub-layers, distances as biases, and a norm of the whole width of q and k, interleaved rotation.
struct MagnetoLike {
  template <class S>
  static auto make(S) {
    using A = SelfAttentionOf<S, LayerNorm<S>, QKNorm<S, LayerNorm<S>>, Rotary<S>>;
    const A attention{.dim = 12,
                      .heads = 2,
                      .causal = true,
                      .dropout = 0.2,
                      .scores = {.alibi = true},
                      .inner = LayerNorm<S>(12),
                      .maps = {QKNorm<S, LayerNorm<S>>{LayerNorm<S>(12), LayerNorm<S>(12)},
                               Rotary<S>(6, {.theta = 100, .layout = RotaryLayout::interleaved})}};
    return two_blocks<S>(DyT<S>(12), attention, SubLNFeedForward<S>{12, 18, LayerNorm<S>(18)});
  }
};
/// LLaMA-Adapter's: gated prompts in the second block, whose values are mixed with those of the first.
struct AdapterLike {
  template <class S>
  static auto make(S) {
    using A = SelfAttentionOf<S, GatedPrompts<S>, Rotary<S>, ValueResidual<S>>;
    const A attention{.dim = 12,
                      .heads = 4,
                      .causal = true,
                      .kv_heads = 2,
                      .head_dim = 4,
                      .inner = {.dim = 12, .heads = 4, .count = 3, .first = 1},
                      .maps = {Rotary<S>(4), ValueResidual<S>{0.25}}};
    return two_blocks<S>(RMSNorm<S>(12), attention, GatedFeedForward<S>{12, 20, Activation::silu, false});
  }
};
/// A stream in chunks of 4 with 5 places of left context, norms without statistics, squared ReLU.
struct StreamLike {
  template <class S>
  static auto make(S) {
    const SelfAttention<S> attention{.dim = 12, .heads = 2, .window = 5, .chunk = 4};
    return two_blocks<S>(AnyNorm<S>(Derf<S>(12)), attention, FeedForward<S>{12, 30, Activation::relu_squared});
  }
};

}  // namespace test_support
