#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "residual/hub/text_config.hpp"
#include "residual/layers/any_feed_forward.hpp"
#include "residual/layers/any_norm.hpp"
#include "residual/layers/attention/qk_norm.hpp"
#include "residual/layers/attention/rotary_by_block.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/masked_language_model.hpp"
#include "residual/model/token_encoder.hpp"
#include "residual/wiring/any_scheme.hpp"
#include "residual/wiring/output_norm.hpp"
#include "residual/wiring/peri_ln.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"

namespace residual {

/// Self-attention of published text models.
template <class S>
using HubAttention = SelfAttentionOf<S, Identity<S>, Optional<QKNorm<S>>, RotaryByBlock<S>>;
/// Blocks of published text models: one type for all, so that programs compile once.
template <class S>
using HubBlocks = Stack<AnyScheme<S>, HubAttention<S>, AnyFeedForward<S>>;
/// A published causal language model.
template <class S>
using HubLanguageModel = LanguageModel<HubBlocks<S>>;
/// A published model of masked words.
template <class S>
using HubMaskedLanguageModel = MaskedLanguageModel<HubBlocks<S>>;
/// A published model that gives hidden states.
template <class S>
using HubTokenEncoder = TokenEncoder<HubBlocks<S>>;

namespace detail {

/// The norm of every place, LayerNorm or RMSNorm.
template <class S>
AnyNorm<S> hub_norm(const TextConfig& config) {
  if (config.layer_norm) return LayerNorm<S>(config.dim, S(config.epsilon));
  return RMSNorm<S>(config.dim, S(config.epsilon), true, config.gain_offset);
}

/// The scheme that puts the norms where the family has them.
template <class S>
AnyScheme<S> hub_scheme(const TextConfig& config) {
  using N = AnyNorm<S>;
  const N norm = hub_norm<S>(config);
  switch (config.order) {
    case NormOrder::post:
      return PostLN<S, N>(norm);
    case NormOrder::output:
      return OutputNorm<S, N>(norm, norm);
    case NormOrder::peri:
      return PeriLN<S, N>(norm, norm, norm);
    default:
      return PreLN<S, N>(norm, norm);
  }
}

/// Self-attention with what the config asks for: key heads, windows, rotation, norms of queries and keys.
template <class S>
HubAttention<S> hub_attention(const TextConfig& config) {
  HubAttention<S> f{config.dim, config.heads};
  f.causal = config.causal, f.bias = config.attn_bias, f.qkv_bias = config.qkv_bias;
  f.kv_heads = config.kv_heads, f.head_dim = config.head_dim;
  f.window = config.window, f.windowed = config.windowed, f.scores = config.scores;
  const Heads h = f.shape();
  const auto norm = [&](Index width) { return RMSNorm<S>(width, S(config.epsilon), true, config.gain_offset); };
  auto& qk_norm = std::get<0>(f.maps).map;
  if (config.qk_norm == QueryKeyNorm::each_head) qk_norm = {norm(h.head_dim), norm(h.head_dim)};
  if (config.qk_norm == QueryKeyNorm::all_heads) qk_norm = {norm(h.q_width()), norm(h.kv_width())};
  const auto rotary = [&](const std::optional<Rope>& rope) -> std::optional<Rotary<S>> {
    if (!rope) return std::nullopt;
    return Rotary<S>(
        config.rotary_width,
        {.theta = rope->theta, .scaling = rope->scaling, .longest = std::min<Index>(config.longest, 8192)});
  };
  std::map<bool, std::optional<Rotary<S>>> made;  // with and without a window, of those kinds that there are
  for (const bool windowed : config.windowed.empty() ? std::vector<bool>{false} : config.windowed) {
    const auto [place, first] = made.try_emplace(windowed);
    if (first) place->second = rotary(windowed ? config.local_rope : config.rope);
    std::get<1>(f.maps).of_block.push_back(place->second);
  }
  return f;
}

}  // namespace detail

/// The blocks of a published model. Throws std::invalid_argument when its sizes do not fit each other.
template <class S>
HubBlocks<S> hub_blocks(const TextConfig& config) {
  const AnyFeedForward<S> ffn =
      config.gated
          ? AnyFeedForward<S>(GatedFeedForward<S>{config.dim, config.hidden, config.activation, config.ffn_bias})
          : AnyFeedForward<S>(FeedForward<S>{config.dim, config.hidden, config.activation, config.ffn_bias});
  return {detail::hub_scheme<S>(config), {detail::hub_attention<S>(config), ffn}, config.depth};
}
/// Its embedding.
template <class S>
Embedding<S> hub_embedding(const TextConfig& config) {
  const auto positions = config.learned_positions ? Positions::learned : Positions::none;
  Embedding<S> embedding(config.vocabulary, config.dim, config.longest, positions, config.first_position);
  if (!config.scaled_embedding) embedding.scale = 1;
  embedding.token_types = config.token_types;
  if (config.embedding_norm) embedding.norm = LayerNorm<S>(config.dim, S(config.epsilon));
  return embedding;
}
/// The causal language model of a config that gives logits.
template <class S>
HubLanguageModel<S> hub_language_model(const TextConfig& config) {
  return {hub_embedding<S>(config), hub_blocks<S>(config), {.tied = config.tied, .softcap = config.logit_softcap}};
}
/// The model of masked words of a config that gives logits of these.
template <class S>
HubMaskedLanguageModel<S> hub_masked_language_model(const TextConfig& config) {
  return {hub_embedding<S>(config), hub_blocks<S>(config), {config.dim, config.head_activation, S(config.epsilon)}};
}
/// The model of a config that gives hidden states.
template <class S>
HubTokenEncoder<S> hub_token_encoder(const TextConfig& config) {
  return {hub_embedding<S>(config), hub_blocks<S>(config), config.pooler};
}

}  // namespace residual
