#pragma once

#include "residual/hub/detail/read_activation.hpp"
#include "residual/hub/text_config.hpp"

namespace residual::detail {

/// The keys of GPT-2.
inline void read_gpt2_config(ConfigReader& c, TextConfig& config) {
  config.vocabulary = c.count("vocab_size", 50257);
  config.dim = c.count("n_embd", 768);
  config.depth = c.count("n_layer", 12, 1, most_layers);
  config.heads = config.kv_heads = c.count("n_head", 12);
  config.head_dim = config.dim / config.heads;
  config.hidden = c.count_or_null("n_inner", std::nullopt).value_or(4 * config.dim);
  config.longest = c.count("n_positions", 1024);
  config.epsilon = c.number("layer_norm_epsilon", 1e-5);
  config.activation = read_activation(c, "activation_function", "gelu_new");
  config.tied = c.flag("tie_word_embeddings", true);
  config.gated = false;
  config.qkv_bias = config.attn_bias = config.ffn_bias = true;
  config.layer_norm = true;
  config.learned_positions = true;
  if (!c.flag("scale_attn_weights", true)) config.scores.width = 1;
  c.expect_false("scale_attn_by_inverse_layer_idx");
  c.expect_false("add_cross_attention");
}

/// Whether a family is built as BERT is.
inline bool is_bert(const std::string& family) {
  return family == "bert" || family == "roberta" || family == "xlm-roberta";
}
/// The keys of BERT and RoBERTa, whose positions begin behind that of padding.
inline void read_bert_config(ConfigReader& c, TextConfig& config) {
  const bool bert = config.family == "bert";
  config.vocabulary = c.count("vocab_size", bert ? 30522 : config.family == "roberta" ? 50265 : 30522);
  config.dim = c.count("hidden_size", 768);
  config.depth = c.count("num_hidden_layers", 12, 1, most_layers);
  config.heads = config.kv_heads = c.count("num_attention_heads", 12);
  config.head_dim = config.dim / config.heads;
  config.hidden = c.count("intermediate_size", 3072);
  config.first_position = bert ? 0 : c.count("pad_token_id", 1, 0) + 1;
  const Index rows = c.count("max_position_embeddings", 512);
  config.longest = rows - config.first_position;
  if (config.longest < 1) {
    c.add_fault("max_position_embeddings is " + std::to_string(rows) + " (it must be greater than " +
                std::to_string(config.first_position) + ", the row of the first position, behind padding)");
  }
  config.token_types = c.count("type_vocab_size", 2);
  config.epsilon = c.number("layer_norm_eps", 1e-12);
  config.activation = read_activation(c, "hidden_act", "gelu");
  if (bert) config.head_activation = config.activation;
  config.gated = false;
  config.qkv_bias = config.attn_bias = config.ffn_bias = true;
  config.causal = false;
  config.order = NormOrder::post;
  config.layer_norm = config.embedding_norm = config.learned_positions = true;
  c.expect_false("is_decoder");
  c.expect_false("add_cross_attention");
  if (!c.flag("tie_word_embeddings", true)) c.refuse("tie_word_embeddings", false, "true");
  if (const auto* kind = c.find("position_embedding_type"); kind != nullptr && *kind != "absolute") {
    c.refuse("position_embedding_type", *kind, "\"absolute\"");
  }
}

}  // namespace residual::detail
