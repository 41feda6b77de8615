// Published models: small ones of six families, as transformers writes them, against what transformers computes.
// group: hub
#include "residual/hub/hugging_face.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "residual/adapt/new_words.hpp"
#include "residual/decode/decoding.hpp"
#include "residual/decode/generate.hpp"
#include "support/expect_sentence.hpp"
#include "support/folder.hpp"
#include "support/hugging_face_sample.hpp"
#include "support/same_bits.hpp"

namespace {

namespace fs = std::filesystem;
using namespace residual;
using test_support::close;
using test_support::entries;
using test_support::hugging_face_data;
using test_support::HuggingFaceSample;

template <class S>
struct Tolerance {
  static constexpr bool single = std::is_same_v<S, float>;
  static constexpr double outputs = single ? 2e-5 : 1e-10, gradients = single ? 5e-5 : 1e-10;
};

/// The gradient by the names of the file.
template <class M>
void expect_gradient(const HubModel<M>& loaded, const Parameters<M>& gradient, const HuggingFaceSample& sample) {
  const test_support::Folder folder;
  save_parameters(folder.path / "gradient.safetensors", gradient, loaded.names);
  const SafeTensors ours(folder.path / "gradient.safetensors");
  const std::string grads = sample.name + "grads.";
  double largest = 0;
  std::size_t count = 0;
  for (const TensorInfo& info : sample.file.tensors()) {
    if (!info.name.starts_with(grads)) continue;
    ++count;
    for (const double entry : entries<double>(sample.file, info.name)) largest = std::max(largest, std::abs(entry));
  }
  EXPECT_EQ(count, ours.tensors().size());
  for (const TensorInfo& info : ours.tensors()) {
    ASSERT_NE(sample.file.find(grads + info.name), nullptr) << info.name;
    ASSERT_EQ(sample.file.at(grads + info.name).shape, info.shape) << info.name;
    using S = typename M::Scalar;
    const auto got = entries<S>(ours, info.name);
    const auto expected = entries<double>(sample.file, grads + info.name);
    const auto size = Index(got.size());
    EXPECT_TRUE(close(Eigen::Map<const Tokens<S>>(got.data(), 1, size),
                      Eigen::Map<const Tokens<double>>(expected.data(), 1, size), Tolerance<S>::gradients,
                      0.01 * largest))
        << sample.name << info.name;
  }
}

/// Outputs, hidden states and gradients of a sample.
template <class M>
void expect_sample(const HubModel<M>& loaded, const HuggingFaceSample& sample) {
  using S = typename M::Scalar;
  SCOPED_TRACE(sample.name);
  const double tolerance = Tolerance<S>::outputs;
  const bool logits = loaded.config.output != TextOutput::hidden_states;
  const Index tokens = sample.batch.tokens();
  Tape<M> tape(loaded.model());
  test_support::HiddenStates<S> hidden;
  tape.observe(&hidden);
  typename M::Input input{.batch = sample.batch, .tokens = sample.tokens};
  input.positions = sample.positions, input.types = sample.types;
  const Tokens<S> y = forward(loaded.model(), loaded.theta, tape, input);
  EXPECT_TRUE(close(y.topRows(tokens), sample.matrix(logits ? "logits" : "last_hidden_state"), tolerance));
  EXPECT_EQ(Index(hidden.seen.size()), loaded.config.depth + 1);
  for (const auto& [name, x] : hidden.seen) EXPECT_TRUE(close(x, sample.matrix(name), tolerance)) << name;

  Tokens<S> dy(y.rows(), y.cols());
  dy.topRows(tokens) = sample.matrix("cotangent").template cast<S>();
  if (loaded.config.pooler) {
    EXPECT_TRUE(close(y.bottomRows(y.rows() - tokens), sample.matrix("pooler_output"), tolerance));
    dy.bottomRows(y.rows() - tokens) = sample.matrix("cotangent_pooled").template cast<S>();
  }
  Parameters<M> gradient(loaded.model());
  backward(loaded.model(), loaded.theta, tape, In<S>(dy), gradient);
  expect_gradient(loaded, gradient, sample);
}

/// The tokens of greatest logits, step by step, and the logits.
template <class S>
void expect_greedy(const HubModel<HubLanguageModel<S>>& loaded, const SafeTensors& expected) {
  const auto prompt = entries<std::int64_t>(expected, "greedy.prompt"),
             tokens = entries<std::int64_t>(expected, "greedy.tokens");
  const auto logits = entries<double>(expected, "greedy.logits");
  const Index vocabulary = loaded.config.vocabulary;
  Decoding decoding(loaded.model(), loaded.theta, {.sequences = 1, .longest = 20});
  decoding.start(1);
  const auto choose = [&](std::span<const S> row, Index, Index place) {
    const Eigen::Map<const Tokens<double>> row_expected(logits.data() + place * vocabulary, 1, vocabulary);
    const Eigen::Map<const Tokens<S>> got(row.data(), 1, vocabulary);
    EXPECT_TRUE(close(got, row_expected, Tolerance<S>::outputs)) << "token " << place;
    return most_likely(row);
  };
  const auto text = generate(decoding, {{prompt.begin(), prompt.end()}}, {.tokens = Index(tokens.size())}, choose);
  EXPECT_EQ(text.front(), std::vector<int>(tokens.begin(), tokens.end()));
}

/// The folder of the model with its config in the other layout.
struct LegacyFolder {
  test_support::Folder folder;
  explicit LegacyFolder(const std::string& id) {
    fs::copy(hugging_face_data / id / "model", folder.path, fs::copy_options::recursive);
    fs::copy_file(hugging_face_data / id / "config_legacy.json", folder.path / "config.json",
                  fs::copy_options::overwrite_existing);
  }
};

template <class S>
class HuggingFace : public testing::Test {
 protected:
  template <class Load>
  void expect_model(const std::string& id, std::initializer_list<const char*> samples, const Load& load) {
    SCOPED_TRACE(id);
    const SafeTensors expected(hugging_face_data / id / "expected.safetensors");
    const auto loaded = load(hugging_face_data / id / "model");
    for (const char* sample : samples) expect_sample(loaded, HuggingFaceSample(expected, sample));
    if constexpr (requires { expect_greedy<S>(loaded, expected); }) expect_greedy<S>(loaded, expected);

    const LegacyFolder legacy(id);
    const auto same = load(legacy.folder.path);
    EXPECT_TRUE(same.model() == loaded.model()) << "the config of transformers 4 makes another model";
    EXPECT_TRUE(test_support::same_bits(same.theta.flat(), loaded.theta.flat()));

    const test_support::Folder folder;
    save_hub_model(folder.path, loaded);
    const auto again = load(folder.path);
    EXPECT_TRUE(again.model() == loaded.model());
    EXPECT_TRUE(test_support::same_bits(again.theta.flat(), loaded.theta.flat()));
    const ShardedSafeTensors before = hub_weights(hugging_face_data / id / "model"), after = hub_weights(folder.path);
    EXPECT_EQ(before.tensors().size(), after.tensors().size());
    for (const TensorInfo& info : before.tensors()) EXPECT_EQ(after.at(info.name).shape, info.shape) << info.name;
  }
};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(HuggingFace, Scalars);

TYPED_TEST(HuggingFace, LanguageModelsComputeWhatTransformersDoes) {
  for (const char* id : {"llama", "qwen2", "olmo2", "gpt2", "gemma2"}) {
    this->expect_model(id, {"right", "left", "jump"}, load_language_model<TypeParam>);
  }
}
TYPED_TEST(HuggingFace, BertComputesWhatTransformersDoes) {
  this->expect_model("bert", {"right"}, load_token_encoder<TypeParam>);
}

/// f throws a sentence that holds all of `words`.
template <class F>
void expect_refused(F&& f, const std::vector<std::string>& words) {
  try {
    f();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    const std::string sentence = error.what();
    for (const auto& word : words) EXPECT_NE(sentence.find(word), std::string::npos) << word << " in: " << sentence;
    EXPECT_TRUE(sentence.ends_with('.')) << sentence;
  }
}

TEST(HuggingFaceFolders, ThatAreBrokenAreRefused) {
  const std::map<std::string, std::vector<std::string>> folders = {
      {"missing_tensor", {"missing: \"model.layers.1.mlp.up_proj.weight\"; nothing was loaded"}},
      {"wrong_shape", {"\"model.layers.0.self_attn.k_proj.weight\" F32 [16, 16]", "[8, 16] is needed"}},
      {"unsupported_activation", {"hidden_act is \"swishish\"", "silu", "nothing was loaded"}}};
  for (const auto& [id, words] : folders) {
    expect_refused([&, &folder = id] { load_language_model<float>(hugging_face_data / "broken" / folder); }, words);
  }
  expect_refused([] { load_language_model<float>(hugging_face_data / "bert/model"); }, {"load_token_encoder"});
  expect_refused([] { load_token_encoder<float>(hugging_face_data / "llama/model"); }, {"load_language_model"});
  EXPECT_THROW(load_token_encoder<float>(hugging_face_data / "nowhere"), std::system_error);
}

TEST(HuggingFaceFolders, OfPickledWeightsAreToBeSavedAsSafetensors) {
  const test_support::Folder folder;
  fs::copy(hugging_face_data / "llama/model/config.json", folder.path);
  std::ofstream(folder.path / "pytorch_model.bin") << "pickled";
  EXPECT_THROW(load_language_model<float>(folder.path), HubError);
  expect_refused([&] { load_language_model<float>(folder.path); }, {"pytorch_model.bin alone", "save_pretrained"});
}

/// A folder of a model of that config, without weights.
struct ConfigAlone {
  test_support::Folder folder;
  explicit ConfigAlone(const std::string& json) { std::ofstream(folder.path / "config.json") << json; }
};

TEST(HuggingFaceFolders, WhoseSizesNobodyCanCountAreRefusedWithTheirFile) {
  const ConfigAlone huge(R"({"model_type": "llama", "hidden_size": 16777216, "intermediate_size": 16777216,
                             "num_hidden_layers": 1000, "num_attention_heads": 2048, "head_dim": 8192})");
  fs::copy_file(hugging_face_data / "llama/model/model.safetensors", huge.folder.path / "model.safetensors");
  EXPECT_THROW(load_language_model<float>(huge.folder.path), HubError);
  expect_refused([&] { load_language_model<float>(huge.folder.path); },
                 {"config.json", "cannot be built", "make the model"});
}
/// Tables of rotary positions take 512 MB for a config of 66 bytes: here they would throw.
TEST(HuggingFaceFolders, OpenTheirWeightsBeforeTablesAreMade) {
  const ConfigAlone yarn(
      R"({"model_type": "llama", "rope_parameters": {"rope_theta": 0.5, "rope_type": "yarn", "factor": 2}})");
  EXPECT_THROW(load_language_model<float>(yarn.folder.path), std::system_error);
  fs::copy_file(hugging_face_data / "llama/model/model.safetensors", yarn.folder.path / "model.safetensors");
  EXPECT_THROW(load_language_model<float>(yarn.folder.path), SafeTensorsError);
}
TEST(HuggingFaceFolders, MakeTablesForKindsOfBlocksThatThereAre) {
  TextConfig config = load_language_model<float>(hugging_face_data / "llama/model").config;
  config.local_rope = Rope{.theta = -1};
  EXPECT_NO_THROW(hub_language_model<float>(config));
  config.window = 3, config.windowed.assign(std::size_t(config.depth), true);
  EXPECT_THROW(hub_language_model<float>(config), std::invalid_argument);
  std::swap(config.rope, config.local_rope);
  EXPECT_NO_THROW(hub_language_model<float>(config));
}

/// Numbers that config.json may hold, but no layer takes.
TEST(HuggingFaceFolders, WhoseModelCannotBeBuiltAreRefusedAsSuch) {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {R"({"rms_norm_eps": 1e-308})", "epsilon"},
      {R"({"rope_parameters": {"rope_theta": 0.5, "rope_type": "yarn", "factor": 2}})", "theta"}};
  for (const auto& [change, word] : changes) {
    const test_support::Folder folder;
    fs::copy(hugging_face_data / "qwen2/model", folder.path, fs::copy_options::recursive);
    auto json = nlohmann::json::parse(load_language_model<float>(folder.path).config_json);
    json.update(nlohmann::json::parse(change));
    std::ofstream(folder.path / "config.json") << json.dump();
    EXPECT_THROW(load_language_model<float>(folder.path), HubError) << change;
    expect_refused([&] { load_language_model<float>(folder.path); }, {"config.json", word, "cannot be built"});
  }
}
TEST(HuggingFaceFolders, SaveAModelWithNewWordsUnderItsOwnVocabulary) {
  for (const char* id : {"llama", "gpt2"}) {
    auto loaded = load_language_model<float>(hugging_face_data / id / "model");
    loaded.theta = with_new_words(loaded.theta, 2);
    const test_support::Folder folder;
    save_hub_model(folder.path, loaded);
    const auto again = load_language_model<float>(folder.path);
    EXPECT_EQ(again.config.vocabulary, loaded.config.vocabulary + 2);
    EXPECT_TRUE(again.model() == loaded.model());
    EXPECT_TRUE(test_support::same_bits(again.theta.flat(), loaded.theta.flat()));
  }
}
TEST(HuggingFaceFolders, SaveTheScalarUnderBothOfItsKeys) {
  for (const std::string both :
       {R"({"dtype": "bfloat16", "torch_dtype": "bfloat16",)", R"({"torch_dtype": "bfloat16",)"}) {
    const LegacyFolder legacy("llama");
    auto json = nlohmann::json::parse(load_language_model<float>(legacy.folder.path).config_json);
    json.erase("dtype"), json.erase("torch_dtype");
    std::ofstream(legacy.folder.path / "config.json") << both << json.dump().substr(1);
    const test_support::Folder folder;
    save_hub_model(folder.path, load_language_model<double>(legacy.folder.path));
    const auto written = nlohmann::json::parse(load_language_model<double>(folder.path).config_json);
    EXPECT_EQ(written.at("torch_dtype"), "float64");
    EXPECT_EQ(written.value("dtype", "none"), both.starts_with("{\"dtype") ? "float64" : "none");
  }
}
TEST(HuggingFaceFolders, SaveNoModelThatItsConfigDoesNotDescribe) {
  auto loaded = load_language_model<float>(hugging_face_data / "llama/model");
  auto model = loaded.model();
  model.logits.softcap = 3;
  loaded.theta = Parameters(model);
  const test_support::Folder folder;
  test_support::expect_sentence([&] { save_hub_model(folder.path / "copy", loaded); },
                                {"save_hub_model", "config_json"});
  EXPECT_FALSE(fs::exists(folder.path / "copy"));
  loaded.config_json = "{}";
  EXPECT_THROW(save_hub_model(folder.path / "copy", loaded), HubError);
  EXPECT_FALSE(fs::exists(folder.path / "copy"));
}

}  // namespace
