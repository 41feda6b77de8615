#pragma once

#include <map>

#include "residual/hub/detail/read_activation.hpp"
#include "residual/hub/detail/read_rope.hpp"

namespace residual::detail {

/// What a key has where config.json does not say, which differs between the families that are built as LLaMA is.
struct DecoderDefaults {
  Index vocabulary, dim, hidden, depth, heads;
  std::optional<Index> kv_heads, head_dim;
  Index longest;
  double epsilon;
  const char *activation_key, *activation;
  bool tied;
  double theta;
  std::optional<Index> window;
};
/// The families, by the model_type of their config.json.
inline const std::map<std::string, DecoderDefaults, std::less<>>& decoder_families() {
  constexpr auto none = std::nullopt;
  constexpr const char *act = "hidden_act", *gemma_act = "hidden_activation", *tanh_gelu = "gelu_pytorch_tanh";
  static const std::map<std::string, DecoderDefaults, std::less<>> families = {
      {"llama", {32000, 4096, 11008, 32, 32, none, none, 2048, 1e-6, act, "silu", false, 1e4, none}},
      {"mistral", {32000, 4096, 14336, 32, 32, 8, none, 131072, 1e-6, act, "silu", false, 1e4, 4096}},
      {"qwen2", {151936, 4096, 22016, 32, 32, 32, none, 32768, 1e-6, act, "silu", false, 1e4, 4096}},
      {"qwen3", {151936, 4096, 22016, 32, 32, 32, 128, 32768, 1e-6, act, "silu", false, 1e4, 4096}},
      {"olmo2", {50304, 4096, 11008, 32, 32, none, none, 2048, 1e-5, act, "silu", false, 1e4, none}},
      {"gemma2", {256000, 2304, 9216, 26, 8, 4, 256, 8192, 1e-6, gemma_act, tanh_gelu, true, 1e4, 4096}},
      {"gemma3_text", {262208, 2304, 9216, 26, 8, 4, 256, 131072, 1e-6, gemma_act, tanh_gelu, true, 1e6, 4096}}};
  return families;
}

/// Which blocks have a window, where config.json has no `layer_types`.
inline std::vector<bool> default_windows(ConfigReader& c, const TextConfig& config) {
  std::vector<bool> windowed(std::size_t(config.depth), config.family == "mistral");
  const bool qwen = config.family == "qwen2" || config.family == "qwen3";
  const auto from = std::size_t(qwen ? c.count("max_window_layers", 28, 0) : 0);
  const auto period = std::size_t(config.family == "gemma3_text" ? c.count("sliding_window_pattern", 6) : 2);
  for (std::size_t i = 0; i < windowed.size(); ++i) {
    if (qwen) windowed[i] = i >= from;
    if (config.family.starts_with("gemma")) windowed[i] = (i + 1) % period != 0;
  }
  return windowed;
}
/// Fills in which blocks have a window, and how long it is.
inline void read_windows(ConfigReader& c, TextConfig& config, std::optional<Index> fallback) {
  if (!fallback) return;
  const bool qwen = config.family == "qwen2" || config.family == "qwen3";
  std::optional<Index> window = c.count_or_null("sliding_window", fallback);
  if (qwen && !c.flag("use_sliding_window", false)) window = std::nullopt;
  const nlohmann::json* const types = config.family == "mistral" ? nullptr : c.find("layer_types");
  if (types == nullptr) {
    if (window) config.windowed = default_windows(c, config);
  } else if (!types->is_array() || types->size() != std::size_t(config.depth)) {
    c.refuse("layer_types", *types, "a list of " + std::to_string(config.depth) + " kinds, one a layer");
  } else {
    for (const auto& type : *types) {
      if (type != "full_attention" && type != "sliding_attention") {
        c.refuse("layer_types", type, "full_attention or sliding_attention in each place");
      }
      config.windowed.push_back(type == "sliding_attention");
    }
  }
  bool some = false;
  for (const bool each : config.windowed) some = some || each;
  if (!some) config.windowed.clear();
  if (some && !window) c.refuse("sliding_window", nullptr, "given, since layer_types has sliding_attention");
  config.window = some ? window.value_or(0) : 0;
}

/// The keys of LLaMA and of those built like it.
inline void read_decoder_config(ConfigReader& c, TextConfig& config, const DecoderDefaults& d) {
  const std::string& family = config.family;
  const bool gemma = family.starts_with("gemma"), qwen2 = family == "qwen2";
  config.vocabulary = c.count("vocab_size", d.vocabulary);
  config.dim = c.count("hidden_size", d.dim);
  config.hidden = c.count("intermediate_size", d.hidden);
  config.depth = c.count("num_hidden_layers", d.depth, 1, most_layers);
  config.heads = c.count("num_attention_heads", d.heads);
  config.kv_heads = c.count_or_null("num_key_value_heads", d.kv_heads).value_or(config.heads);
  config.head_dim = c.count_or_null("head_dim", d.head_dim).value_or(config.dim / config.heads);
  if (config.heads * config.head_dim > 1 << 24) {
    c.add_fault("num_attention_heads times head_dim is " + std::to_string(config.heads * config.head_dim) +
                " (it must be 2^24 or less)");
  }
  config.longest = c.count("max_position_embeddings", d.longest);
  config.epsilon = c.number("rms_norm_eps", d.epsilon);
  config.activation = read_activation(c, d.activation_key, d.activation);
  config.tied = c.flag("tie_word_embeddings", d.tied);
  const bool bias = !qwen2 && family != "mistral" && c.flag("attention_bias", false);
  config.qkv_bias = qwen2 || bias;
  config.attn_bias = bias;
  config.ffn_bias = family == "llama" && c.flag("mlp_bias", false);
  config.order = gemma ? NormOrder::peri : family == "olmo2" ? NormOrder::output : NormOrder::pre;
  config.gain_offset = gemma ? 1 : 0;
  config.scaled_embedding = gemma;
  if (family == "qwen3" || family == "gemma3_text") config.qk_norm = QueryKeyNorm::each_head;
  if (family == "olmo2") config.qk_norm = QueryKeyNorm::all_heads;
  if (gemma) {
    const bool second = family == "gemma2";
    config.scores.width = c.number("query_pre_attn_scalar", 256);
    config.scores.softcap = c.number_or_null("attn_logit_softcapping", second ? 50 : 0);
    config.logit_softcap = c.number_or_null("final_logit_softcapping", second ? 30 : 0);
    c.expect_false("use_bidirectional_attention");
  }
  read_windows(c, config, d.window);
  read_rope(c, config, d.theta, family == "gemma3_text" ? std::optional(1e4) : std::nullopt);
}

}  // namespace residual::detail
