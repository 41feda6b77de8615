#pragma once

#include <utility>

#include "golden/norms.hpp"
#include "golden/run_model.hpp"
#include "golden/schemes.hpp"
#include "residual/layers/attention/qk_norm.hpp"
#include "residual/layers/attention/rotary.hpp"
#include "residual/layers/attention/value_residual.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/named.hpp"
#include "residual/layers/residual_attention.hpp"
#include "residual/layers/sub_ln_feed_forward.hpp"
#include "residual/model/encoder_decoder.hpp"

namespace golden {

/// Self-attention with what a case may ask for, prompts of LLaMA-Adapter included.
template <class S>
using MappedAttention = residual::SelfAttentionOf<S, residual::GatedPrompts<S>, residual::Optional<residual::QKNorm<S>>,
                                                  residual::Optional<residual::Rotary<S>>, residual::ValueResidual<S>>;
/// Self-attention with a norm inside.
template <class S>
using NormedAttention = residual::SelfAttentionOf<S, residual::AnyNorm<S>>;

/// Sets the fields that all kinds of self-attention have.
template <class S, class A>
A attention_with(A f, const Config& config, bool causal) {
  const LayerOptions& o = config.layer;
  f.dim = config.d, f.heads = config.heads, f.causal = causal, f.bias = o.bias;
  f.kv_heads = o.kv_heads, f.head_dim = o.head_dim, f.qkv_bias = o.qkv_bias;
  f.window = o.window, f.scores = o.scores, f.sinks = o.sinks;
  for (Index i = 1; o.window > 0 && i <= o.window_every; ++i) f.windowed.push_back(i < o.window_every);
  return f;
}
template <class S>
MappedAttention<S> mapped_attention(const Config& config, bool causal) {
  const LayerOptions& o = config.layer;
  const Index without = o.prompt_layers > 0 ? config.layers - o.prompt_layers : 0;
  expect(without >= 0, "config.adapter_layers is ", o.prompt_layers, ", but there are only ", config.layers,
         " layers.");
  const MappedAttention<S> plain{
      .dim = config.d, .heads = config.heads, .inner = {config.d, config.heads, o.prompts, without}};
  auto f = attention_with<S>(plain, config, causal);
  std::get<2>(f.maps).share = o.value_residual ? 0.5 : 0;
  const residual::Heads h = f.shape();
  const auto norm = [&](Index width) {
    return residual::RMSNorm<S>(width, S(config.eps), true, config.one_plus ? 1 : 0);
  };
  if (o.qk_norm == "head") std::get<0>(f.maps).map = {norm(h.head_dim), norm(h.head_dim)};
  if (o.qk_norm == "full") std::get<0>(f.maps).map = {norm(h.q_width()), norm(h.kv_width())};
  if (o.rope != "none") {
    const auto layout = o.rope == "half" ? residual::RotaryLayout::half : residual::RotaryLayout::interleaved;
    std::get<1>(f.maps).map.emplace(
        o.rotary_dim > 0 ? o.rotary_dim : h.head_dim,
        typename residual::Rotary<S>::Options{.theta = o.rope_theta, .layout = layout, .scaling = o.rope_scaling});
  }
  return f;
}
template <class S>
NormedAttention<S> normed_attention(const Config& config, bool causal) {
  expect(config.layer.qk_norm == "none" && config.layer.rope == "none",
         "config has sub_ln with qk_norm or rope, which this runner does not build.");
  expect(config.layer.prompts == 0 && !config.layer.value_residual,
         "config has sub_ln with adapter_prompts or value_residual, which this runner does not build.");
  const residual::Heads h =
      residual::expect_heads("config", config.d, config.heads, config.layer.kv_heads, config.layer.head_dim);
  residual::AnyNorm<S> inner = norm_of<S>(config, h.q_width(), config.eps);
  if (!config.bias) inner = inner.without_bias();
  return attention_with<S>(NormedAttention<S>{.dim = config.d, .heads = config.heads, .inner = inner}, config, causal);
}
template <class S>
residual::ResidualAttention<S> residual_attention(const Config& config, bool causal) {
  const LayerOptions& o = config.layer;
  expect(o.qk_norm == "none" && o.rope == "none" && o.prompts == 0 && !o.value_residual && !o.sub_ln && !o.sinks &&
             o.window == 0 && o.qkv_bias == config.layer.bias && !o.adapter_scale_bias,
         "config has realformer with an option of another kind of attention, which this runner does not build.");
  return {.dim = config.d,
          .heads = config.heads,
          .blocks = config.layers,
          .causal = causal,
          .bias = config.layer.bias,
          .kv_heads = o.kv_heads,
          .head_dim = o.head_dim,
          .scores = o.scores};
}
template <class S>
residual::CrossAttention<S> cross_attention(const Config& config) {
  return {.dim = config.d,
          .heads = config.heads,
          .bias = config.layer.bias,
          .kv_heads = config.layer.kv_heads,
          .head_dim = config.layer.head_dim,
          .qkv_bias = config.layer.qkv_bias};
}

/// The blocks that attention(config, causal) and ffn(config) make.
template <class S, class Attention, class MakeFfn>
auto encoder_of(const Config& config, bool causal, Attention&& attention, MakeFfn&& ffn) {
  using A = decltype(attention(config, causal));
  using Ffn = decltype(ffn(config));
  const auto scheme = scheme_of<S>(config);
  const residual::Stack<residual::AnyScheme<S>, A, Ffn> stack{
      config.bias ? scheme : without_bias(scheme), {attention(config, causal), ffn(config)}, config.layers};
  stack.check();
  return stack;
}
/// Those of a decoder.
template <class S, class Attention, class MakeFfn>
auto decoder_of(const Config& config, bool causal, Attention&& attention, MakeFfn&& ffn) {
  using A = decltype(attention(config, causal));
  using Ffn = decltype(ffn(config));
  const auto scheme = scheme_of<S>(config);
  const residual::Stack<residual::AnyScheme<S>, A, residual::CrossAttention<S>, Ffn> stack{
      config.bias ? scheme : without_bias(scheme),
      {attention(config, causal), cross_attention<S>(config), ffn(config)},
      config.layers};
  stack.check();
  return stack;
}

/// An encoder of Macaron's blocks: a feed-forward before the self-attention and one behind it.
template <class S, class Attention, class MakeFfn>
auto macaron_of(const Config& config, bool causal, Attention&& attention, MakeFfn&& ffn) {
  using A = decltype(attention(config, causal));
  using Ffn = decltype(ffn(config));
  using Before = residual::Named<"ffn1.", Ffn>;
  using Behind = residual::Named<"ffn2.", Ffn>;
  const auto scheme = scheme_of<S>(config);
  const residual::Stack<residual::AnyScheme<S>, Before, A, Behind> stack{
      config.bias ? scheme : without_bias(scheme),
      {Before{ffn(config)}, attention(config, causal), Behind{ffn(config)}},
      config.layers};
  stack.check();
  return stack;
}

/// Runs the case through the model that make(config) makes.
template <class Make>
Outputs run(const Case& c, Make&& make) {
  const Config& config = c.config;
  if (!config.layer.adapter_scale_bias) return run_model(make(config), c);
  return run_adapted(make(config), make(config.with_biases()), c);
}

/// Runs the case through the stacks of its kind.
template <class S, class Attention, class MakeFfn>
Outputs run_stacks(const Case& c, Attention&& attention, MakeFfn&& ffn) {
  const auto encoder = [&](const Config& config, bool causal) { return encoder_of<S>(config, causal, attention, ffn); };
  const auto decoder = [&](const Config& config) { return decoder_of<S>(config, c.causal, attention, ffn); };
  if (c.config.arch == "macaron") {
    return run(c, [&](const Config& config) { return macaron_of<S>(config, c.causal, attention, ffn); });
  }
  if (c.config.kind == "encoder") return run(c, [&](const Config& config) { return encoder(config, c.causal); });
  if (c.config.kind == "decoder") return run(c, decoder);
  return run(c, [&](const Config& config) {
    return residual::encoder_decoder(encoder(config.of_encoder(), false), decoder(config.of_decoder()));
  });
}

template <class S>
residual::SubLNFeedForward<S, residual::AnyNorm<S>> normed_feed_forward(const Config& config) {
  residual::AnyNorm<S> norm = norm_of<S>(config, config.ffn, config.eps);
  if (!config.bias) norm = norm.without_bias();
  return {config.d, config.ffn, norm, config.activation, config.layer.bias};
}
template <class S>
residual::GatedFeedForward<S> gated_feed_forward(const Config& config) {
  return {config.d, config.ffn, config.activation, config.layer.bias};
}
template <class S>
residual::FeedForward<S> plain_feed_forward(const Config& config) {
  return {config.d, config.ffn, config.activation, config.layer.bias};
}

template <class S>
Outputs compute(const Case& c) {
  const Config& config = c.config;
  expect(std::cmp_less_equal(config.layers, c.tensors.size()), "config.layers is ", config.layers,
         ", but there are no parameters for so many.");
  if (config.layer.realformer) {
    expect(!config.layer.gated && config.kind != "encdec" && config.arch != "macaron",
           "config has realformer in a kind of model that this runner does not build.");
    if (config.kind == "encoder") {
      return run_model(encoder_of<S>(config, c.causal, residual_attention<S>, plain_feed_forward<S>), c);
    }
    return run_model(decoder_of<S>(config, c.causal, residual_attention<S>, plain_feed_forward<S>), c);
  }
  if (config.layer.sub_ln) {
    expect(!config.layer.gated, "config has sub_ln with a gated feed-forward, which has no norm inside.");
    return run_stacks<S>(c, normed_attention<S>, normed_feed_forward<S>);
  }
  if (config.layer.gated) return run_stacks<S>(c, mapped_attention<S>, gated_feed_forward<S>);
  return run_stacks<S>(c, mapped_attention<S>, plain_feed_forward<S>);
}

}  // namespace golden
