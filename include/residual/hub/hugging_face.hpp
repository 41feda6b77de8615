#pragma once

#include "residual/hub/hub_names.hpp"
#include "residual/hub/read_text_config.hpp"
#include "residual/hub/text_models.hpp"
#include "residual/io/load_parameters.hpp"
#include "residual/io/save_parameters.hpp"

namespace residual {

/// A published model, loaded.
template <class M>
struct HubModel {
  TextConfig config;        ///< what its config.json says
  std::string config_json;  ///< its text
  Parameters<M> theta;      ///< its weights
  NameMap names;            ///< what its files call them

  /// The model itself.
  const M& model() const { return theta.model(); }
};

/// The weights in a folder that transformers' `save_pretrained` wrote: model.safetensors or, where there is none, the files
/// that model.safetensors.index.json names. Throws HubError where there is a pytorch_model.bin alone.
inline ShardedSafeTensors hub_weights(const std::filesystem::path& folder) {
  const auto one = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
  if (!std::filesystem::exists(one) && !std::filesystem::exists(index) &&
      std::filesystem::exists(folder / "pytorch_model.bin")) {
    throw HubError(printable_path(folder) +
                   " holds its weights as pytorch_model.bin alone, which only Python reads; "
                   "load the model with transformers and save it as safetensors first: model.save_pretrained(folder).");
  }
  return ShardedSafeTensors(std::filesystem::exists(one) || !std::filesystem::exists(index) ? one : index);
}

namespace detail {

/// Throws SafeTensorsError when a head that is tied to the embedding is in the file, too, and is another.
inline void expect_tied_head(const ShardedSafeTensors& file, const std::string& embedding) {
  const TensorInfo *const head = file.find("lm_head.weight"), *const tied = file.find(embedding);
  if (head == nullptr || tied == nullptr) return;
  const auto a = file.bytes(*head), b = file.bytes(*tied);
  if (head->dtype == tied->dtype && std::equal(a.begin(), a.end(), b.begin(), b.end())) return;
  throw SafeTensorsError(file.source() + " holds a \"lm_head.weight\" that differs from " + printable(embedding) +
                         ", but config.json ties them; say \"tie_word_embeddings\": false there, or leave it out.");
}

/// The function that loads models of such an output.
inline const char* loader_of(TextOutput output) {
  return output == TextOutput::logits          ? "load_language_model"
         : output == TextOutput::masked_logits ? "load_masked_language_model"
                                               : "load_token_encoder";
}

/// The model that a config makes.
template <class M>
M hub_model(const TextConfig& config) {
  using S = typename M::Scalar;
  if constexpr (std::is_same_v<M, HubLanguageModel<S>>) {
    return hub_language_model<S>(config);
  } else if constexpr (std::is_same_v<M, HubMaskedLanguageModel<S>>) {
    return hub_masked_language_model<S>(config);
  } else {
    return hub_token_encoder<S>(config);
  }
}

/// What make() returns; what it cannot build is a HubError that names the config.json.
template <class Make>
auto built(const std::filesystem::path& config, Make&& make) {
  try {
    return make();
  } catch (const std::invalid_argument& error) {
    throw HubError(printable_path(config) + " asks for what cannot be built: " + error.what() + " Nothing was loaded.");
  }
}

/// Loads a model of an `output` that its config must have. Tables of rotary positions, which are large beside a short
/// config, are made when the files have all weights.
template <class M>
HubModel<M> load_hub_model(const std::filesystem::path& folder, TextOutput output) {
  const std::filesystem::path path = folder / "config.json";
  const MappedFile text(path);
  std::string json(reinterpret_cast<const char*>(text.bytes().data()), text.bytes().size());
  TextConfig config = parse_text_config(json, printable_path(path));
  if (config.output != output) {
    throw HubError(printable_path(folder) + " holds a " + config.family + " model of the class " +
                   printable(config.architecture) + ", which " + loader_of(config.output) + " loads, not " +
                   loader_of(output) + ".");
  }
  const ShardedSafeTensors file = hub_weights(folder);
  NameMap names = hub_names(config, file);
  TextConfig unturned = config;
  unturned.rope = unturned.local_rope = std::nullopt;
  const Manifest manifest = built(path, [&] { return Parameters<M>::manifest(hub_model<M>(unturned)); });
  expect_tensors(file, file_tensors(manifest, names), names, Dtype::F32, Conversion::convert);
  const bool tied = config.output == TextOutput::logits && config.tied;
  if (tied) expect_tied_head(file, names.theirs("embed_tokens.weight").front());
  const M model = built(path, [&] { return hub_model<M>(config); });
  HubModel<M> loaded{std::move(config), std::move(json), Parameters<M>(model), std::move(names)};
  load_parameters(file, loaded.theta, loaded.names, Conversion::convert);
  return loaded;
}

}  // namespace detail

/// Loads the causal language model in a folder that `save_pretrained` wrote. Throws HubError with what config.json asks
/// for and cannot be built, SafeTensorsError with the tensors that are missing, surplus or of another shape, and
/// std::system_error when a file cannot be read.
template <class S>
HubModel<HubLanguageModel<S>> load_language_model(const std::filesystem::path& folder) {
  return detail::load_hub_model<HubLanguageModel<S>>(folder, TextOutput::logits);
}
/// Loads a model of masked words, such as BERT's; throws as load_language_model does.
template <class S>
HubModel<HubMaskedLanguageModel<S>> load_masked_language_model(const std::filesystem::path& folder) {
  return detail::load_hub_model<HubMaskedLanguageModel<S>>(folder, TextOutput::masked_logits);
}
/// Loads a model that gives hidden states, such as BERT; throws as load_language_model does.
template <class S>
HubModel<HubTokenEncoder<S>> load_token_encoder(const std::filesystem::path& folder) {
  return detail::load_hub_model<HubTokenEncoder<S>>(folder, TextOutput::hidden_states);
}

/// Writes a folder that transformers' `from_pretrained` reads, made where there is none: config.json with the model's own
/// vocabulary and scalar, and model.safetensors under the names that the weights were loaded by. Throws
/// std::invalid_argument, with nothing written, when the model differs from its config in more than words behind the others,
/// and HubError when config_json is no text that parse_text_config takes.
template <class M>
void save_hub_model(const std::filesystem::path& folder, const HubModel<M>& loaded) {
  TextConfig config = parse_text_config(loaded.config_json);
  const Index words = loaded.model().embedding.vocabulary;
  config.vocabulary = words;
  expect(
      detail::hub_model<M>(config) == loaded.model(),
      "save_hub_model: the model differs from what its config_json describes in more than the size of the vocabulary; "
      "give the config_json of this model.");
  auto json = nlohmann::json::parse(loaded.config_json);
  json["vocab_size"] = words;
  const char* const dtype = std::is_same_v<typename M::Scalar, double> ? "float64" : "float32";
  const bool old = json.contains("torch_dtype");
  if (old) json["torch_dtype"] = dtype;
  if (!old || json.contains("dtype")) json["dtype"] = dtype;
  std::filesystem::create_directories(folder);
  save_parameters(folder / "model.safetensors", loaded.theta, loaded.names);
  write_file(folder / "config.json", [&](std::ostream& out) { out << json.dump(2) << '\n'; });
}

}  // namespace residual
