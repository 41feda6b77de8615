#pragma once

#include "residual/hub/detail/name_rules.hpp"
#include "residual/hub/detail/read_table_configs.hpp"
#include "residual/io/sharded_safetensors.hpp"

namespace residual {

/// What a file of weights calls the tensors of the model of a config: as its family does, with or without the prefix that
/// opens them in a model with a head.
inline NameMap hub_names(const TextConfig& config, const ShardedSafeTensors& file) {
  const bool bert = detail::is_bert(config.family), gpt2 = config.family == "gpt2";
  std::string prefix = bert ? (config.family == "bert" ? "bert." : "roberta.") : gpt2 ? "transformer." : "model.";
  const std::string first = bert ? "embeddings.word_embeddings.weight" : gpt2 ? "wte.weight" : "embed_tokens.weight";
  const bool with = file.find(prefix + first) != nullptr, without = file.find(first) != nullptr;
  if (without || (!with && config.output == TextOutput::hidden_states)) prefix = "";
  const bool gamma_beta = file.find(prefix + "embeddings.LayerNorm.gamma") != nullptr;
  NameMap names{.rules = bert   ? detail::bert_rules(gamma_beta)
                         : gpt2 ? detail::gpt2_rules()
                                : detail::llama_rules(config.order)};
  for (NameRule& rule : names.rules) {
    for (std::string& theirs : rule.theirs) theirs = prefix + theirs;
  }
  if (bert) names.ignored = {prefix + "embeddings.position_ids"};
  if (gpt2) names.ignored = {prefix + "h.*.attn.bias", prefix + "h.*.attn.masked_bias"};
  if (!bert && !gpt2) names.ignored = {prefix + "layers.*.self_attn.rotary_emb.inv_freq"};
  if (config.output == TextOutput::logits && config.tied) names.ignored.push_back("lm_head.weight");
  if (config.output == TextOutput::masked_logits) {
    for (auto& rule : detail::word_head_rules(config.family == "bert", gamma_beta)) names.rules.push_back(rule);
    for (const char* unused : {"cls.predictions.decoder.*", "cls.seq_relationship.*", "lm_head.decoder.*"}) {
      names.ignored.push_back(unused);  // the first and the last are tied; nobody reads the other, nor the pooler
    }
    names.ignored.push_back(prefix + "pooler.*");
  }
  return names;
}

}  // namespace residual
