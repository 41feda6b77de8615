#pragma once

#include "residual/hub/text_config.hpp"
#include "residual/io/name_map.hpp"
#include "residual/io/sharded_safetensors.hpp"

namespace residual {
namespace detail {

/// The rules that put `prefix` in front of what the file calls tensors.
inline std::vector<NameRule> with_prefix(std::vector<NameRule> rules, const std::string& prefix) {
  for (NameRule& rule : rules) {
    for (std::string& theirs : rule.theirs) theirs = prefix + theirs;
  }
  return rules;
}

/// LLaMA's names; those of norms depend on where these stand.
inline std::vector<NameRule> llama_rules(NormOrder order) {
  const bool output = order == NormOrder::output, peri = order == NormOrder::peri;
  std::vector<NameRule> rules = {
      {"layers.*.self_attn.in_proj_*",
       {"layers.*.self_attn.q_proj.*", "layers.*.self_attn.k_proj.*", "layers.*.self_attn.v_proj.*"}},
      {"layers.*.self_attn.out_proj.*", {"layers.*.self_attn.o_proj.*"}},
      {"layers.*.gate_proj.*", {"layers.*.mlp.gate_proj.*"}},
      {"layers.*.up_proj.*", {"layers.*.mlp.up_proj.*"}},
      {"layers.*.down_proj.*", {"layers.*.mlp.down_proj.*"}},
      {"layers.*.norm1.*", {"layers.*.input_layernorm.*"}},
      {"layers.*.norm2.*", {peri ? "layers.*.pre_feedforward_layernorm.*" : "layers.*.post_attention_layernorm.*"}}};
  if (output || peri) {
    rules.push_back({"layers.*.post_norm1.*", {"layers.*.post_attention_layernorm.*"}});
    rules.push_back({"layers.*.post_norm2.*", {"layers.*.post_feedforward_layernorm.*"}});
  }
  for (const char* same : {"layers.*", "norm.*", "embed_tokens.*"}) rules.push_back({same, {same}});
  return rules;
}
/// GPT-2's names; its Conv1D stores weights [in x out].
inline std::vector<NameRule> gpt2_rules() {
  return {{"layers.*.self_attn.in_proj_*", {"h.*.attn.c_attn.*"}, Stored::as_ours},
          {"layers.*.self_attn.out_proj.*", {"h.*.attn.c_proj.*"}, Stored::as_ours},
          {"layers.*.linear1.*", {"h.*.mlp.c_fc.*"}, Stored::as_ours},
          {"layers.*.linear2.*", {"h.*.mlp.c_proj.*"}, Stored::as_ours},
          {"layers.*.norm1.*", {"h.*.ln_1.*"}},
          {"layers.*.norm2.*", {"h.*.ln_2.*"}},
          {"norm.*", {"ln_f.*"}},
          {"embed_tokens.*", {"wte.*"}},
          {"embed_positions.*", {"wpe.*"}}};
}
/// BERT's names; old files call a norm's weight gamma and its bias beta.
inline std::vector<NameRule> bert_rules(bool gamma_beta) {
  std::vector<NameRule> rules = {{"layers.*.self_attn.in_proj_*",
                                  {"encoder.layer.*.attention.self.query.*", "encoder.layer.*.attention.self.key.*",
                                   "encoder.layer.*.attention.self.value.*"}},
                                 {"layers.*.self_attn.out_proj.*", {"encoder.layer.*.attention.output.dense.*"}},
                                 {"layers.*.linear1.*", {"encoder.layer.*.intermediate.dense.*"}},
                                 {"layers.*.linear2.*", {"encoder.layer.*.output.dense.*"}},
                                 {"embed_tokens.*", {"embeddings.word_embeddings.*"}},
                                 {"embed_positions.*", {"embeddings.position_embeddings.*"}},
                                 {"embed_types.*", {"embeddings.token_type_embeddings.*"}},
                                 {"pooler.*", {"pooler.dense.*"}}};
  const std::pair<const char*, const char*> norms[] = {
      {"layers.*.norm1.", "encoder.layer.*.attention.output.LayerNorm."},
      {"layers.*.norm2.", "encoder.layer.*.output.LayerNorm."},
      {"embed_norm.", "embeddings.LayerNorm."}};
  for (const auto& [ours, theirs] : norms) {
    rules.push_back({ours + std::string("weight"), {theirs + std::string(gamma_beta ? "gamma" : "weight")}});
    rules.push_back({ours + std::string("bias"), {theirs + std::string(gamma_beta ? "beta" : "bias")}});
  }
  return rules;
}

}  // namespace detail

/// What a file of weights calls the tensors of the model of a config: as its family does, with or without the prefix that
/// opens them in a model with a head.
inline NameMap hub_names(const TextConfig& config, const ShardedSafeTensors& file) {
  const bool bert = config.family == "bert", gpt2 = config.family == "gpt2";
  std::string prefix = bert ? "bert." : gpt2 ? "transformer." : "model.";
  const std::string first = bert ? "embeddings.word_embeddings.weight" : gpt2 ? "wte.weight" : "embed_tokens.weight";
  const bool with = file.find(prefix + first) != nullptr, without = file.find(first) != nullptr;
  if (with ? without : without || config.output == TextOutput::hidden_states) prefix = "";
  const bool gamma_beta = file.find(prefix + "embeddings.LayerNorm.gamma") != nullptr;
  NameMap names{.rules = detail::with_prefix(bert   ? detail::bert_rules(gamma_beta)
                                             : gpt2 ? detail::gpt2_rules()
                                                    : detail::llama_rules(config.order),
                                             prefix)};
  if (bert) names.ignored = {prefix + "embeddings.position_ids"};
  if (gpt2) names.ignored = {prefix + "h.*.attn.bias", prefix + "h.*.attn.masked_bias"};
  if (!bert && !gpt2) names.ignored = {prefix + "layers.*.self_attn.rotary_emb.inv_freq"};
  if (config.output == TextOutput::logits && config.tied) names.ignored.push_back("lm_head.weight");
  return names;
}

}  // namespace residual
