#pragma once

#include <filesystem>

#include "residual/hub/detail/read_decoder_config.hpp"
#include "residual/hub/detail/read_table_configs.hpp"
#include "residual/io/detail/shallow_json.hpp"
#include "residual/io/mapped_file.hpp"

namespace residual {
namespace detail {

/// Bytes of the longest config.json that is read; published ones have a few thousand.
inline constexpr std::size_t longest_config = 1'000'000;

/// The families that can be built, in words.
inline std::string known_families() {
  std::string names = "bert, roberta, xlm-roberta, gpt2";
  for (const auto& [name, defaults] : decoder_families()) names += ", " + name;
  return names;
}
/// Fills in the class that wrote the config, and what it gives: without one, what most models of the family give.
inline void read_architecture(ConfigReader& c, TextConfig& config) {
  const bool bert = is_bert(config.family);
  const auto* const all = c.find("architectures");
  if (all != nullptr && (!all->is_array() || all->size() != 1 || !all->front().is_string())) {
    return c.refuse("architectures", *all, "a list of one name");
  }
  const std::string name = all != nullptr ? all->front().get<std::string>() : bert ? "Model" : "ForCausalLM";
  if (all != nullptr) config.architecture = name;
  const bool causal = name.ends_with("ForCausalLM") || name.ends_with("LMHeadModel");
  const bool choices = name.ends_with("DoubleHeadsModel");  // has a head that chooses among texts
  if (!causal && !choices && name.ends_with("Model")) {
    config.output = TextOutput::hidden_states;
    config.pooler = bert;
  } else if (bert && name.ends_with("ForMaskedLM")) {
    config.output = TextOutput::masked_logits;
  } else if (bert || !causal) {
    c.refuse("architectures", *all,
             bert ? "one that ends in Model or ForMaskedLM"
                  : "one that ends in ForCausalLM, LMHeadModel or Model, but not in DoubleHeadsModel");
  }
}

}  // namespace detail

/// What the text of a config.json, in the layout of transformers 5 or 4, comes to; `source` opens the error. Throws
/// HubError with what cannot be built, ten of the reasons and the number of the others.
inline TextConfig parse_text_config(std::string_view text, const std::string& source = "config.json") {
  const auto json = detail::shallow_json<HubError>(text, source, detail::longest_config);
  if (!json.is_object()) throw HubError(source + " is not a JSON object; give the config.json of a model.");
  detail::Listed faults("; ");
  detail::ConfigReader c(json, faults);
  TextConfig config;
  config.family = c.word("model_type", "");
  const auto decoder = detail::decoder_families().find(config.family);
  if (config.family == "gpt2") {
    detail::read_gpt2_config(c, config);
  } else if (detail::is_bert(config.family)) {
    detail::read_bert_config(c, config);
  } else if (decoder != detail::decoder_families().end()) {
    detail::read_decoder_config(c, config, decoder->second);
  } else {
    c.refuse("model_type", config.family, "one of " + detail::known_families());
  }
  if (config.heads > 0) detail::read_architecture(c, config);
  c.expect_absent("quantization_config");
  if (config.heads > 0 && config.heads % config.kv_heads != 0) {
    c.add_fault("num_attention_heads is " + std::to_string(config.heads) + " (it must be a multiple of the " +
                std::to_string(config.kv_heads) + " key and value heads)");
  }
  if (config.heads > 0 && (config.head_dim == 0 || config.head_dim > detail::longest_head)) {
    c.add_fault("a head has " + std::to_string(config.head_dim) + " entries (it must have 1 to " +
                std::to_string(detail::longest_head) + ")");
  }
  if (faults.empty()) return config;
  throw HubError(source + " asks for what cannot be built: " + faults.text() + "; nothing was loaded.");
}

/// What a config.json comes to. Throws HubError as parse_text_config does, and std::system_error when the file cannot be
/// read.
inline TextConfig read_text_config(const std::filesystem::path& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  return parse_text_config({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, printable_path(path));
}

}  // namespace residual
