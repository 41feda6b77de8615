#pragma once

#include <initializer_list>
#include <utility>

#include "residual/hub/text_config.hpp"
#include "residual/io/name_map.hpp"

namespace residual::detail {

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
/// The rules of norms, whose weight and bias old files call gamma and beta.
inline void add_norms(std::vector<NameRule>& rules, bool gamma_beta,
                      std::initializer_list<std::pair<std::string, std::string>> norms) {
  for (const auto& [ours, theirs] : norms) {
    rules.push_back({ours + "weight", {theirs + (gamma_beta ? "gamma" : "weight")}});
    rules.push_back({ours + "bias", {theirs + (gamma_beta ? "beta" : "bias")}});
  }
}
/// BERT's names.
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
  add_norms(rules, gamma_beta,
            {{"layers.*.norm1.", "encoder.layer.*.attention.output.LayerNorm."},
             {"layers.*.norm2.", "encoder.layer.*.output.LayerNorm."},
             {"embed_norm.", "embeddings.LayerNorm."}});
  return rules;
}
/// The names of the head of masked words: BERT's, or RoBERTa's.
inline std::vector<NameRule> word_head_rules(bool bert, bool gamma_beta) {
  if (!bert) {
    return {{"lm_head.transform.dense.*", {"lm_head.dense.*"}}, {"lm_head.transform.norm.*", {"lm_head.layer_norm.*"}}};
  }
  std::vector<NameRule> rules = {{"lm_head.transform.dense.*", {"cls.predictions.transform.dense.*"}},
                                 {"lm_head.bias", {"cls.predictions.bias"}}};
  add_norms(rules, gamma_beta, {{"lm_head.transform.norm.", "cls.predictions.transform.LayerNorm."}});
  return rules;
}

}  // namespace residual::detail
