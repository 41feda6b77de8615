// What a config.json comes to: defaults of each family, both layouts, and all reasons for a refusal at once.
// group: hub
#include <gtest/gtest.h>

#include "residual/hub/read_text_config.hpp"

namespace {

using namespace residual;

/// All of `words` are in the error of a config.
void expect_config_refused(const std::string& json, const std::vector<std::string>& words) {
  try {
    parse_text_config(json);
    ADD_FAILURE() << "nothing was thrown for " << json;
  } catch (const HubError& error) {
    const std::string sentence = error.what();
    for (const auto& word : words) EXPECT_NE(sentence.find(word), std::string::npos) << word << " in: " << sentence;
    EXPECT_TRUE(sentence.ends_with('.')) << sentence;
  }
}

TEST(TextConfig, HasTheDefaultsOfItsFamily) {
  const TextConfig llama = parse_text_config(R"({"model_type": "llama"})");
  EXPECT_EQ(llama.vocabulary, 32000);
  EXPECT_EQ(llama.kv_heads, 32);
  EXPECT_EQ(llama.head_dim, 128);
  EXPECT_EQ(llama.rope, Rope{});
  EXPECT_FALSE(llama.tied);
  EXPECT_TRUE(llama.windowed.empty());

  const TextConfig mistral = parse_text_config(R"({"model_type": "mistral", "num_hidden_layers": 2})");
  EXPECT_EQ(mistral.kv_heads, 8);
  EXPECT_EQ(mistral.window, 4096);
  EXPECT_EQ(mistral.windowed, std::vector<bool>({true, true}));
  EXPECT_TRUE(parse_text_config(R"({"model_type": "mistral", "sliding_window": null})").windowed.empty());

  const TextConfig qwen3 = parse_text_config(R"({"model_type": "qwen3", "hidden_size": 1024})");
  EXPECT_EQ(qwen3.head_dim, 128);
  EXPECT_EQ(qwen3.qk_norm, QueryKeyNorm::each_head);
  EXPECT_FALSE(qwen3.qkv_bias);

  const TextConfig bert = parse_text_config(R"({"model_type": "bert"})");
  EXPECT_EQ(bert.output, TextOutput::hidden_states);
  EXPECT_EQ(bert.epsilon, 1e-12);
  EXPECT_EQ(bert.hidden, 3072);
  EXPECT_TRUE(bert.pooler);
  const TextConfig roberta = parse_text_config(R"({"model_type": "roberta", "max_position_embeddings": 514,
                                                   "architectures": ["RobertaForMaskedLM"]})");
  EXPECT_EQ(roberta.output, TextOutput::masked_logits);
  EXPECT_EQ(roberta.first_position, 2);
  EXPECT_EQ(roberta.longest, 512);
  EXPECT_FALSE(roberta.pooler);
  EXPECT_EQ(parse_text_config(R"({"model_type": "gpt2", "n_embd": 12, "n_head": 3})").hidden, 48);
}

TEST(TextConfig, KnowsWhichBlocksHaveAWindow) {
  EXPECT_EQ(parse_text_config(R"({"model_type": "gemma2", "num_hidden_layers": 3})").windowed,
            std::vector<bool>({true, false, true}));
  EXPECT_EQ(parse_text_config(R"({"model_type": "gemma3_text", "num_hidden_layers": 7})").windowed,
            std::vector<bool>({true, true, true, true, true, false, true}));
  EXPECT_EQ(parse_text_config(R"({"model_type": "gemma3_text", "num_hidden_layers": 3, "sliding_window_pattern": 3})")
                .windowed,
            std::vector<bool>({true, true, false}));
  const TextConfig qwen = parse_text_config(
      R"({"model_type": "qwen2", "num_hidden_layers": 3, "use_sliding_window": true, "max_window_layers": 1})");
  EXPECT_EQ(qwen.windowed, std::vector<bool>({false, true, true}));
  EXPECT_TRUE(parse_text_config(R"({"model_type": "qwen2", "num_hidden_layers": 40})").windowed.empty());
  EXPECT_EQ(parse_text_config(R"({"model_type": "gemma3_text", "num_hidden_layers": 2,
                                  "layer_types": ["full_attention", "sliding_attention"]})")
                .windowed,
            std::vector<bool>({false, true}));
  expect_config_refused(R"({"model_type": "gemma2", "num_hidden_layers": 2, "layer_types": ["full_attention"]})",
                        {"layer_types", "a list of 2 kinds"});
  expect_config_refused(R"({"model_type": "gemma2", "num_hidden_layers": 1, "layer_types": ["linear_attention"]})",
                        {"layer_types", "linear_attention", "sliding_attention"});
}

TEST(TextConfig, ReadsRotationInBothLayouts) {
  const std::string old_gemma = R"({"model_type": "gemma3_text", "rope_theta": 5e5, "rope_local_base_freq": 300,
                                    "rope_scaling": {"rope_type": "linear", "factor": 8}})";
  const std::string new_gemma = R"({"model_type": "gemma3_text", "rope_parameters": {
      "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 500000.0},
      "sliding_attention": {"rope_type": "default", "rope_theta": 300.0}}})";
  for (const auto& json : {old_gemma, new_gemma}) {
    const TextConfig config = parse_text_config(json);
    EXPECT_EQ(config.rope, (Rope{5e5, {.rule = RopeScaling::Rule::linear, .factor = 8}})) << json;
    EXPECT_EQ(config.local_rope, (Rope{300})) << json;
  }
  const std::string llama3 = R"("factor": 32, "low_freq_factor": 1.5, "high_freq_factor": 5,
                                "original_max_position_embeddings": 8192, "rope_type": "llama3")";
  const RopeScaling scaling{
      .rule = RopeScaling::Rule::llama3, .factor = 32, .original = 8192, .low_freq = 1.5, .high_freq = 5};
  for (const std::string& json : {R"({"model_type": "llama", "rope_theta": 7, "rope_scaling": {)" + llama3 + "}}",
                                  R"({"model_type": "llama", "rope_parameters": {"rope_theta": 7, )" + llama3 + "}}"}) {
    EXPECT_EQ(parse_text_config(json).rope, (Rope{7, scaling})) << json;
    EXPECT_EQ(parse_text_config(json).local_rope, (Rope{7, scaling})) << json;
  }
  const TextConfig yarn = parse_text_config(R"({"model_type": "qwen2", "max_position_embeddings": 4096, "rope_scaling":
      {"type": "yarn", "original_max_position_embeddings": 1024, "beta_fast": 16}})");
  EXPECT_EQ(yarn.rope->scaling,
            (RopeScaling{.rule = RopeScaling::Rule::yarn, .factor = 4, .original = 1024, .beta_fast = 16}));
}

TEST(TextConfig, IsRefusedWithAllReasons) {
  expect_config_refused(
      R"({"model_type": "llama", "hidden_act": "swishish", "rms_norm_eps": 0, "num_attention_heads": 5,
                     "num_key_value_heads": 2, "rope_scaling": {"rope_type": "longrope"}, "vocab_size": "many",
                     "quantization_config": {"bits": 4}, "architectures": ["LlamaForSequenceClassification"]})",
      {"hidden_act is \"swishish\"", "rms_norm_eps is 0", "multiple of the 2 key", "rope_scaling.rope_type", "longrope",
       "vocab_size is \"many\"", "quantization_config", "LlamaForSequenceClassification"});
  expect_config_refused(R"({"model_type": "mamba"})", {"model_type", "mamba", "gemma3_text"});
  expect_config_refused("[]", {"JSON object"});
  expect_config_refused("{", {"JSON object"});
  expect_config_refused("{}", {"model_type"});
  expect_config_refused(R"({"model_type": "bert", "position_embedding_type": "relative_key", "is_decoder": true,
                     "architectures": ["BertForTokenClassification"]})",
                        {"relative_key", "is_decoder", "BertForTokenClassification"});
  expect_config_refused(R"({"model_type": "gpt2", "scale_attn_by_inverse_layer_idx": true, "activation_function": 3})",
                        {"scale_attn_by_inverse_layer_idx", "activation_function is 3"});
  expect_config_refused(R"({"model_type": "gemma3_text", "rope_parameters": {"rope_theta": 3.0}})",
                        {"rope_parameters", "for each kind of layer"});
  expect_config_refused(R"({"model_type": "llama", "hidden_size": 8, "num_attention_heads": 16})",
                        {"a head has 0 entries"});
  expect_config_refused(R"({"model_type": "llama", "hidden_size": 1.5})", {"hidden_size is 1.5"});
  expect_config_refused(
      R"({"model_type": "llama", "hidden_size": 12, "num_attention_heads": 2, "partial_rotary_factor": 0.5})",
      {"the rotary width", "is 3", "even"});
  expect_config_refused(
      R"({"model_type": "llama", "hidden_size": 1e30, "num_hidden_layers": 100000, "head_dim": 10000000,
                     "vocab_size": 99999999999999999999})",
      {"hidden_size is 1e+30", "num_hidden_layers is 100000", "from 1 to 1000", "vocab_size", "a head has"});
  expect_config_refused(R"({"model_type": "llama", "rope_parameters": 3})", {"rope_parameters is 3"});
}

TEST(TextConfig, IsRefusedWhereItIsHostile) {
  const std::string deep = std::string(300000, '[') + std::string(300000, ']');
  expect_config_refused(R"({"model_type": "llama", "vocab_size": )" + deep + "}",
                        {"not a JSON object of at most 100 levels"});
  expect_config_refused(R"({"model_type": "gpt_neox", "partial_rotary_factor": 1e300})", {"model_type"});
  expect_config_refused(R"({"model_type": "llama", "partial_rotary_factor": 1e300})", {"partial_rotary_factor"});
  expect_config_refused(
      R"({"model_type": "llama", "hidden_size": 16777216, "num_attention_heads": 16777216, "head_dim": 8192})",
      {"num_attention_heads times head_dim"});
}

}  // namespace
