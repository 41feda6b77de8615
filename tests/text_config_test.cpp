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

/// `more` in the config of a family.
TextConfig config_of(const std::string& family, const std::string& more) {
  return parse_text_config("{\"model_type\": \"" + family + "\", " + more + '}');
}

TEST(TextConfig, SaysWhichMapsHaveABias) {
  struct Case {
    std::string family;
    bool qkv, attention, feed_forward;  ///< where config.json asks for all
  };
  for (const auto& [family, qkv, attention, feed_forward] : std::vector<Case>{{"llama", true, true, true},
                                                                              {"mistral", false, false, false},
                                                                              {"qwen2", true, false, false},
                                                                              {"qwen3", true, true, false},
                                                                              {"olmo2", true, true, false},
                                                                              {"gemma2", true, true, false},
                                                                              {"gemma3_text", true, true, false}}) {
    const TextConfig all = config_of(family, R"("attention_bias": true, "mlp_bias": true)");
    EXPECT_EQ(all.qkv_bias, qkv) << family;
    EXPECT_EQ(all.attn_bias, attention) << family;
    EXPECT_EQ(all.ffn_bias, feed_forward) << family;
    const TextConfig none = config_of(family, R"("vocab_size": 9)");
    EXPECT_EQ(none.qkv_bias, family == "qwen2") << family;
    EXPECT_FALSE(none.attn_bias || none.ffn_bias) << family;
  }
}

TEST(TextConfig, ScalesAndCapsScores) {
  const TextConfig gemma2 = config_of("gemma2", R"("query_pre_attn_scalar": 144)");
  EXPECT_EQ(gemma2.scores.width, 144);
  EXPECT_EQ(gemma2.scores.softcap, 50);
  EXPECT_EQ(gemma2.logit_softcap, 30);
  const TextConfig caps = config_of("gemma2", R"("attn_logit_softcapping": 3, "final_logit_softcapping": null)");
  EXPECT_EQ(caps.scores.softcap, 3);
  EXPECT_EQ(caps.logit_softcap, 0);
  const TextConfig gemma3 = config_of("gemma3_text", R"("vocab_size": 9)");
  EXPECT_EQ(gemma3.scores.width, 256);
  EXPECT_EQ(gemma3.scores.softcap, 0);
  EXPECT_EQ(gemma3.logit_softcap, 0);
  EXPECT_EQ(config_of("gpt2", R"("scale_attn_weights": false)").scores.width, 1);
  EXPECT_EQ(config_of("gpt2", R"("scale_attn_weights": true)").scores.width, 0);
}

TEST(TextConfig, GivesTheHeadOfMaskedWordsItsActivation) {
  EXPECT_EQ(config_of("bert", R"("hidden_act": "relu")").head_activation, Activation::relu);
  for (const char* family : {"roberta", "xlm-roberta"}) {
    const TextConfig config = config_of(family, R"("hidden_act": "relu", "pad_token_id": 4)");
    EXPECT_EQ(config.activation, Activation::relu) << family;
    EXPECT_EQ(config.head_activation, Activation::gelu_erf) << family;
    EXPECT_EQ(config.first_position, 5) << family;
    EXPECT_EQ(config.longest, 507) << family;
  }
  EXPECT_EQ(config_of("roberta", R"("hidden_size": 12)").vocabulary, 50265);
  EXPECT_EQ(config_of("xlm-roberta", R"("hidden_size": 12)").vocabulary, 30522);
}

TEST(TextConfig, ReadsWhatYarnAsksFor) {
  const auto yarn = [](const std::string& more) {
    return config_of("llama", R"("rope_scaling": {"rope_type": "yarn", "factor": 2, )" + more + '}').rope->scaling;
  };
  const RopeScaling scaling{.rule = RopeScaling::Rule::yarn, .factor = 2, .original = 2048};
  EXPECT_EQ(yarn(R"("truncate": true)"), scaling);
  EXPECT_EQ(yarn(R"("attention_factor": 1.5)").attention_factor, 1.5);
  EXPECT_EQ(yarn(R"("beta_slow": 2)").beta_slow, 2);
}

/// What a key must not say, and what the error says of it.
TEST(TextConfig, IsRefusedForASingleKey) {
  struct Case {
    std::string family, json, words;
  };
  for (const auto& [family, json, words] : std::vector<Case>{
           {"gemma2", R"("use_bidirectional_attention": true)",
            "use_bidirectional_attention is true (it must be false)"},
           {"gemma3_text", R"("use_bidirectional_attention": true)", "use_bidirectional_attention is true"},
           {"gemma2", R"("num_hidden_layers": 1, "sliding_window": null, "layer_types": ["sliding_attention"])",
            "sliding_window is null (it must be given, since layer_types has sliding_attention)"},
           {"llama", R"("rope_scaling": {"rope_type": "linear"})",
            "rope_scaling.factor is null (it must be a number of"},
           {"llama", R"("rope_scaling": {"rope_type": "llama3", "original_max_position_embeddings": 9})",
            "rope_scaling.factor is null"},
           {"llama", R"("rope_scaling": {"type": "yarn"})", "rope_scaling.factor is null"},
           {"llama", R"("rope_scaling": {"type": "yarn", "factor": 2, "mscale": 1})",
            "rope_scaling.mscale is 1 (it must be absent)"},
           {"llama", R"("rope_scaling": {"type": "yarn", "factor": 2, "mscale_all_dim": 1})",
            "rope_scaling.mscale_all_dim is 1"},
           {"llama", R"("rope_scaling": {"type": "yarn", "factor": 2, "truncate": false})",
            "rope_scaling.truncate is false (it must be true)"},
           {"llama", R"("rope_scaling": {"type": "yarn", "factor": 2, "attention_factor": -1})",
            "rope_scaling.attention_factor is -1"},
           {"llama", R"("rope_scaling": {"rope_type": "linear", "factor": 0.5})", "factor is 0.5"},
           {"llama", R"("rope_scaling": 3)", "rope_scaling is 3 (it must be an object or null)"},
           {"gemma3_text", R"("rope_parameters": {"full_attention": 3})", "rope_parameters.full_attention is 3"},
           {"llama", R"("architectures": ["LlamaForCausalLM", "LlamaModel"])", "(it must be a list of one name)"},
           {"llama", R"("architectures": [])", "(it must be a list of one name)"},
           {"llama", R"("architectures": "LlamaForCausalLM")", "(it must be a list of one name)"},
           {"llama", R"("architectures": ["LlamaForMaskedLM"])", "ForCausalLM, LMHeadModel or Model"},
           {"gpt2", R"("architectures": ["GPT2DoubleHeadsModel"])", "but not in DoubleHeadsModel"},
           {"gpt2", R"("add_cross_attention": true)", "add_cross_attention is true (it must be false)"},
           {"bert", R"("add_cross_attention": true)", "add_cross_attention is true (it must be false)"},
           {"roberta", R"("pad_token_id": 511)",
            "max_position_embeddings is 512 (it must be greater than 512, the row of"},
           {"roberta", R"("pad_token_id": 3, "max_position_embeddings": 4)",
            "max_position_embeddings is 4 (it must be"},
           {"bert", R"("tie_word_embeddings": false)", "tie_word_embeddings is false (it must be true)"},
           {"bert", R"("architectures": ["BertLMHeadModel"])", "Model or ForMaskedLM"},
           {"llama", R"("tie_word_embeddings": 1)", "tie_word_embeddings is 1 (it must be true or false)"},
           {"gpt2", R"("n_inner": 0)", "n_inner is 0"}}) {
    SCOPED_TRACE(json);
    expect_config_refused("{\"model_type\": \"" + family + "\", " + json + '}', {words});
  }
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
  expect_config_refused("{", {"not JSON in UTF-8"});
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
  expect_config_refused(R"({"model_type": "llama", "vocab_size": )" + deep + "}", {"nested deeper than 127 levels"});
  std::string objects = R"({"model_type": "mamba", "x": [{})";  // each is read once, whatever is before it
  for (int i = 0; i < 240'000; ++i) objects += ",{}";
  expect_config_refused(objects + "]}", {"model_type"});
  expect_config_refused(std::string(1'000'001, ' '), {"config.json: the file has 1000001 bytes", "at most 1000000"});
  expect_config_refused(R"({"model_type": "llama", "model_type": "mistral"})", {"\"model_type\" twice"});
  expect_config_refused(R"({"model_type": "llama", "rope_scaling": {"factor": 2, "factor": 3}})", {"\"factor\" twice"});
  std::string kinds = R"({"model_type": "gemma2", "num_hidden_layers": 1000, "layer_types": ["x")";
  for (int i = 1; i < 1000; ++i) kinds += R"(, "x")";
  expect_config_refused(kinds + "]}", {"layer_types is \"x\"", "; and 990 more; nothing was loaded."});
  expect_config_refused(R"({"model_type": "gpt_neox", "partial_rotary_factor": 1e300})", {"model_type"});
  expect_config_refused(R"({"model_type": "llama", "partial_rotary_factor": 1e300})", {"partial_rotary_factor"});
  expect_config_refused(
      R"({"model_type": "llama", "hidden_size": 16777216, "num_attention_heads": 16777216, "head_dim": 8192})",
      {"num_attention_heads times head_dim"});
}

}  // namespace
