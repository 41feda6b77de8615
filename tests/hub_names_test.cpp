// What files call the tensors of published models.
// group: hub
#include "residual/hub/hub_names.hpp"

#include <gtest/gtest.h>

#include <set>

#include "residual/core/parameters.hpp"
#include "residual/hub/read_text_config.hpp"
#include "residual/hub/text_models.hpp"
#include "residual/io/detail/file_tensor.hpp"
#include "residual/io/safetensors_writer.hpp"
#include "support/folder.hpp"

namespace {

using namespace residual;
using detail::file_tensors, detail::FileTensor;

/// The names of a config's model in a file that holds one tensor of that name.
NameMap names_of(const TextConfig& config, const std::string& first) {
  const test_support::Folder folder;
  const float number = 0;
  write_safetensors(folder.path / "model.safetensors", std::vector{TensorEntry::of<float>(first, {1}, {&number, 1})});
  return hub_names(config, ShardedSafeTensors(folder.path / "model.safetensors"));
}
/// Names and shapes that a config's model has in such a file.
std::set<std::string> tensors(const std::string& json, const std::string& first) {
  const TextConfig config = parse_text_config(json);
  const NameMap names = names_of(config, first);
  const Manifest manifest =
      config.output == TextOutput::logits
          ? Parameters<HubLanguageModel<double>>::manifest(hub_language_model<double>(config))
      : config.output == TextOutput::masked_logits
          ? Parameters<HubMaskedLanguageModel<double>>::manifest(hub_masked_language_model<double>(config))
          : Parameters<HubTokenEncoder<double>>::manifest(hub_token_encoder<double>(config));
  std::set<std::string> all;
  for (const FileTensor& tensor : file_tensors(manifest, names)) {
    std::string shape;
    for (const auto dimension : tensor.shape) shape += ' ' + std::to_string(dimension);
    all.insert(tensor.name + shape);
  }
  return all;
}
/// `prefix` in front of each.
std::set<std::string> all_with(const std::string& prefix, const std::set<std::string>& names) {
  std::set<std::string> all;
  for (const auto& name : names) all.insert(prefix + name);
  return all;
}

const std::string small_sizes =
    R"("hidden_size": 6, "intermediate_size": 10, "num_hidden_layers": 1, "num_attention_heads": 4,
                             "num_key_value_heads": 2, "head_dim": 2, "vocab_size": 9)";

TEST(HubNames, OfQwen3AreLlamasWithNormsOfHeads) {
  std::set<std::string> expected = all_with(
      "model.layers.0.", {"self_attn.q_proj.weight 8 6", "self_attn.k_proj.weight 4 6", "self_attn.v_proj.weight 4 6",
                          "self_attn.o_proj.weight 6 8", "self_attn.q_norm.weight 2", "self_attn.k_norm.weight 2",
                          "mlp.gate_proj.weight 10 6", "mlp.up_proj.weight 10 6", "mlp.down_proj.weight 6 10",
                          "input_layernorm.weight 6", "post_attention_layernorm.weight 6"});
  expected.insert({"model.embed_tokens.weight 9 6", "model.norm.weight 6", "lm_head.weight 9 6"});
  EXPECT_EQ(tensors(R"({"model_type": "qwen3", )" + small_sizes + "}", "model.embed_tokens.weight"), expected);
}

TEST(HubNames, OfOlmo2HaveNormsOfAllHeadsOfQueriesAndOfKeys) {
  const auto names = tensors(R"({"model_type": "olmo2", )" + small_sizes + "}", "model.embed_tokens.weight");
  EXPECT_TRUE(names.contains("model.layers.0.self_attn.q_norm.weight 8"));
  EXPECT_TRUE(names.contains("model.layers.0.self_attn.k_norm.weight 4"));
}

TEST(HubNames, OfAModelWithoutHeadHaveNoPrefix) {
  const std::string json =
      R"({"model_type": "gemma3_text", "architectures": ["Gemma3TextModel"], )" + small_sizes + "}";
  std::set<std::string> expected = all_with(
      "layers.0.", {"self_attn.q_proj.weight 8 6", "self_attn.k_proj.weight 4 6", "self_attn.v_proj.weight 4 6",
                    "self_attn.o_proj.weight 6 8", "self_attn.q_norm.weight 2", "self_attn.k_norm.weight 2",
                    "mlp.gate_proj.weight 10 6", "mlp.up_proj.weight 10 6", "mlp.down_proj.weight 6 10",
                    "input_layernorm.weight 6", "post_attention_layernorm.weight 6",
                    "pre_feedforward_layernorm.weight 6", "post_feedforward_layernorm.weight 6"});
  expected.insert({"embed_tokens.weight 9 6", "norm.weight 6"});
  EXPECT_EQ(tensors(json, "another"), expected);
  EXPECT_EQ(tensors(json, "model.embed_tokens.weight"), all_with("model.", expected)) << "unless the file has it";
}

TEST(HubNames, OfBertMayBeOldOnesWithAPrefix) {
  const std::string json = R"({"model_type": "bert", "architectures": ["BertForMaskedLM"], "hidden_size": 6,
      "intermediate_size": 10, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 9})";
  const auto names = tensors(json, "bert.embeddings.LayerNorm.gamma");
  for (const char* name :
       {"bert.embeddings.LayerNorm.beta 6", "bert.embeddings.token_type_embeddings.weight 2 6",
        "bert.embeddings.position_embeddings.weight 512 6", "bert.encoder.layer.0.attention.self.value.bias 6",
        "bert.encoder.layer.0.attention.output.dense.weight 6 6",
        "bert.encoder.layer.0.attention.output.LayerNorm.gamma 6",
        "bert.encoder.layer.0.intermediate.dense.weight 10 6", "bert.encoder.layer.0.output.dense.weight 6 10",
        "bert.encoder.layer.0.output.LayerNorm.beta 6", "cls.predictions.bias 9",
        "cls.predictions.transform.dense.weight 6 6", "cls.predictions.transform.LayerNorm.gamma 6"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_EQ(names.size(), 26u);
}

/// What files hold beside the weights of each class, and which tensors they must not hold.
TEST(HubNames, IgnoreWhatNobodyReads) {
  struct Case {
    std::string family, architecture, first;
    std::vector<std::string> ignored, surplus;
  };
  for (const auto& [family, architecture, first, ignored, surplus] : std::vector<Case>{
           {"bert",
            "BertForMaskedLM",
            "bert.embeddings.word_embeddings.weight",
            {"bert.embeddings.position_ids", "bert.pooler.dense.weight", "cls.predictions.decoder.weight",
             "cls.predictions.decoder.bias", "cls.seq_relationship.weight"},
            {"cls.predictions.bias", "embeddings.position_ids", "pooler.dense.weight"}},
           {"bert",
            "BertModel",
            "embeddings.word_embeddings.weight",
            {"embeddings.position_ids"},
            {"bert.embeddings.position_ids", "pooler.dense.weight", "cls.seq_relationship.weight"}},
           {"roberta",
            "RobertaForMaskedLM",
            "roberta.embeddings.word_embeddings.weight",
            {"roberta.embeddings.position_ids", "lm_head.decoder.weight", "lm_head.decoder.bias"},
            {"lm_head.bias"}},
           {"gpt2",
            "GPT2LMHeadModel",
            "transformer.wte.weight",
            {"transformer.h.0.attn.bias", "transformer.h.11.attn.masked_bias", "lm_head.weight"},
            {"transformer.h.0.attn.c_attn.bias", "h.0.attn.bias"}},
           {"gpt2", "GPT2Model", "wte.weight", {"h.0.attn.bias", "h.0.attn.masked_bias"}, {"lm_head.weight"}},
           {"llama",
            "LlamaForCausalLM",
            "model.embed_tokens.weight",
            {"model.layers.0.self_attn.rotary_emb.inv_freq"},
            {"lm_head.weight"}}}) {
    const TextConfig config =
        parse_text_config("{\"model_type\": \"" + family + "\", \"architectures\": [\"" + architecture + "\"]}");
    const NameMap names = names_of(config, first);
    for (const auto& name : ignored) EXPECT_TRUE(names.ignores(name)) << architecture << ' ' << name;
    for (const auto& name : surplus) EXPECT_FALSE(names.ignores(name)) << architecture << ' ' << name;
  }
}

TEST(HubNames, OfRobertaPutPositionsBehindPadding) {
  const auto names = tensors(R"({"model_type": "roberta", "architectures": ["RobertaForMaskedLM"], "hidden_size": 6,
      "intermediate_size": 10, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 9,
      "max_position_embeddings": 14, "type_vocab_size": 1})",
                             "roberta.embeddings.word_embeddings.weight");
  for (const char* name : {"roberta.embeddings.position_embeddings.weight 14 6", "lm_head.bias 9",
                           "lm_head.dense.bias 6", "lm_head.layer_norm.weight 6"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

}  // namespace
