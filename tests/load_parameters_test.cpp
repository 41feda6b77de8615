// Parameters come from files whole and to their bits, under the names of PyTorch, fairseq or one's own, or not at all.
// group: files
#include "residual/io/load_parameters.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "residual/io/fairseq_names.hpp"
#include "residual/io/save_parameters.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/token_encoder_decoder.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "support/expect_holds.hpp"
#include "support/expect_sentence.hpp"
#include "support/folder.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::expect_holds;
using test_support::not_a_number;
using test_support::same_bits;

/// Sizes that fit no tile, and need several.
const Sizes sizes{.dim = 38, .heads = 2, .hidden = 71, .depth = 2};

template <class M>
Parameters<M> random(const M& model) {
  Parameters theta(model);
  test_support::randomise(theta, 7);
  return theta;
}
template <class M>
Parameters<M> nothing(const M& model) {
  Parameters theta(model);
  theta.flat().setConstant(not_a_number<typename M::Scalar>);
  return theta;
}

class LoadParameters : public testing::Test {
 protected:
  /// What was saved comes back in the same bits, twice, and nothing else is in the file.
  template <class M>
  void expect_round_trip(const M& model, const NameMap& names) {
    const auto theta = random(model);
    save_parameters(path, theta, names);
    for (int read = 0; read < 2; ++read) {
      auto loaded = nothing(model);
      load_parameters(path, loaded, names);
      EXPECT_TRUE(same_bits(loaded.flat(), theta.flat()));
    }
  }
  /// The error of loading the file at `path`, after which theta is as before.
  template <class M>
  std::string refusal(const M& model, const NameMap& names = {}, Conversion conversion = Conversion::refuse) {
    auto theta = random(model);
    try {
      load_parameters(path, theta, names, conversion);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const SafeTensorsError& error) {
      EXPECT_TRUE(same_bits(theta.flat(), random(model).flat())) << "something was written";
      return error.what();
    }
    return {};
  }
  std::vector<std::byte> bytes() const {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto all = std::as_bytes(std::span(text));
    return {all.begin(), all.end()};
  }
  /// The file at `path` with its elements in another type.
  template <class To, class M>
  void save_as(const Parameters<M>& theta) {
    save_parameters(path, theta);
    const SafeTensors file(path);
    std::vector<std::vector<To>> values;
    std::vector<TensorEntry> entries;
    for (const auto& info : file.tensors()) {
      file.read<To>(info, values.emplace_back(std::size_t(info.elements())), Conversion::convert);
      entries.push_back(TensorEntry::of<To>(info.name, info.shape, values.back()));
    }
    write_safetensors(path, entries);
  }

  const test_support::Folder folder;
  const std::filesystem::path path = folder.path / "weights.safetensors";
};

TEST_F(LoadParameters, EveryKindOfModelComesBackUnderEitherNames) {
  const auto check = [&](const auto& scheme) {
    expect_round_trip(encoder(scheme, sizes), {});
    expect_round_trip(encoder(scheme, sizes), fairseq_names());
    expect_round_trip(decoder(scheme, sizes), {.prefix = "module."});
    expect_round_trip(decoder(scheme, sizes), fairseq_decoder_names());
  };
  check(PostLN<float>(38));
  check(ResiDual<double>(38));
  const auto both = encoder_decoder(encoder(PreLN<float>(38), sizes), decoder(PreLN<float>(38), sizes));
  expect_round_trip(both, {});
  expect_round_trip(both, fairseq_names());
}

/// fairseq's files of translation models, tied as its options --share-all-embeddings and
/// --share-decoder-input-output-embed tie them, or not at all.
TEST_F(LoadParameters, TranslationModelsComeBackUnderFairseqsNames) {
  const auto stacks = encoder_decoder(encoder(PreLN<float>(38), sizes), [] {
    Sizes causal = sizes;
    causal.causal = true;
    return decoder(PreLN<float>(38), causal);
  }());
  const Embedding<float> target(50, 38, 20), source(40, 38, 20);
  const auto names = fairseq_translation_names();
  const auto check = [&](const TokenEnds<float>& ends, const std::vector<std::string>& held) {
    const auto model = token_encoder_decoder(stacks, ends);
    expect_round_trip(model, names);
    const SafeTensors file(path);
    std::vector<std::string> found;
    for (const TensorInfo& tensor : file.tensors()) {
      if (tensor.name.find("layers.") == std::string::npos) found.push_back(tensor.name);
    }
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, held);
  };
  const std::string norms[] = {"decoder.layer_norm.bias", "decoder.layer_norm.weight"},
                    more[] = {"encoder.layer_norm.bias", "encoder.layer_norm.weight"};
  check({.target = target}, {"decoder.embed_tokens.weight", norms[0], norms[1], more[0], more[1]});
  check({.target = target, .source = source},
        {"decoder.embed_tokens.weight", norms[0], norms[1], "encoder.embed_tokens.weight", more[0], more[1]});
  check({.target = target, .source = source, .projection = Linear<float>{.in = 38, .out = 50, .bias = false}},
        {"decoder.embed_tokens.weight", norms[0], norms[1], "decoder.output_projection.weight",
         "encoder.embed_tokens.weight", more[0], more[1]});

  const auto shared = token_encoder_decoder(stacks, {.target = target});
  const auto theta = random(shared);
  save_parameters(path, theta, names);
  const SafeTensors file(path);
  std::vector<TensorEntry> entries;
  std::vector<std::vector<float>> values(file.tensors().size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const TensorInfo& tensor = file.tensors()[i];
    values[i].resize(std::size_t(tensor.elements()));
    file.read<float>(tensor, values[i]);
    entries.push_back(TensorEntry::of<float>(tensor.name, tensor.shape, values[i]));
    if (tensor.name != "decoder.embed_tokens.weight") continue;
    for (const char* other : {"encoder.embed_tokens.weight", "decoder.output_projection.weight"}) {
      entries.push_back(TensorEntry::of<float>(other, tensor.shape, values[i]));
    }
  }
  write_safetensors(folder.path / "tied.safetensors", entries);
  auto loaded = nothing(shared);
  load_parameters(folder.path / "tied.safetensors", loaded, names);
  EXPECT_TRUE(same_bits(loaded.flat(), theta.flat()));
}

TEST_F(LoadParameters, WithoutBiasesAndWithOtherLayersToo) {
  Sizes bare = sizes;
  bare.bias = false;
  expect_round_trip(encoder(PreLN<float>(38), bare), fairseq_names());
  const auto swiglu = encoder<GatedFeedForward>(PreLN<float, RMSNorm<float>>(38), sizes);
  expect_round_trip(swiglu, {});
  EXPECT_NE(SafeTensors(path).find("layers.1.gate_proj.weight"), nullptr);
  const Embedding<float> words(50, 38, 20, Positions::learned);
  expect_round_trip(language_model(PreLN<float>(38), sizes, words), fairseq_names());
  EXPECT_EQ(SafeTensors(path).at("embed_tokens.weight").shape, (std::vector<std::int64_t>{50, 38}));
  EXPECT_EQ(SafeTensors(path).at("layers.0.self_attn.k_proj.weight").shape, (std::vector<std::int64_t>{38, 38}));
}

TEST_F(LoadParameters, WeightsAreTransposedAndThePartsAreThoseOfPyTorch) {
  const auto model = encoder(PostLN<float>(38), sizes);
  const auto theta = random(model);
  save_parameters(path, theta);
  expect_holds(theta, SafeTensors(path));
  EXPECT_EQ(SafeTensors(path).metadata().at("format"), "pt");

  save_parameters(path, theta, fairseq_names());
  const SafeTensors file(path);
  const auto& in_proj = std::get<0>(theta->layers[1]).in_proj;
  for (const Index part : {0, 1, 2}) {
    std::vector<float> weight(38 * 38);
    file.read<float>(file.at(std::string("layers.1.self_attn.") + "qkv"[part] + "_proj.weight"), weight);
    EXPECT_EQ(weight[38 * 5 + 3], in_proj.weight(3, 38 * part + 5)) << "output 5 for input 3";
  }
}

TEST_F(LoadParameters, FromAnyAlignment) {
  const auto model = encoder(ResiDual<double>(38), sizes);
  const auto theta = random(model);
  save_parameters(path, theta);
  const auto file = bytes();
  for (std::size_t shift = 0; shift < 9; ++shift) {
    std::vector<std::byte> shifted(shift + file.size());
    std::memcpy(shifted.data() + shift, file.data(), file.size());
    auto loaded = nothing(model);
    load_parameters(SafeTensors::from_bytes(std::span(shifted).subspan(shift)), loaded);
    EXPECT_TRUE(same_bits(loaded.flat(), theta.flat())) << shift;
  }
}

TEST_F(LoadParameters, WholeTilesOfAllScalars) {
  const Sizes even{.dim = 128, .heads = 2, .hidden = 192, .depth = 1};
  const auto check = [&](const auto& scheme) { expect_round_trip(encoder(scheme, even), fairseq_names()); };
  check(PreLN<float>(128));
  check(ResiDual<double>(128));
  auto exact = nothing(encoder(ResiDual<long double>(128), even));
  load_parameters(path, exact, fairseq_names(), Conversion::convert);
  const auto theta = random(encoder(ResiDual<double>(128), even));
  EXPECT_TRUE(same_bits(exact.flat(), theta.flat().cast<long double>()));
  test_support::expect_sentence([&] { load_parameters(path, exact, fairseq_names()); }, {"Conversion::convert"});
}

TEST_F(LoadParameters, ConvertsOnRequestOnly) {
  const auto model = encoder(PostLN<float>(38), sizes);
  const auto check = [&](auto element) {
    save_as<decltype(element)>(random(model));
    EXPECT_TRUE(refusal(model).ends_with(
        " is needed, and 14 more; nothing was loaded. Pass Conversion::convert to convert numbers of another type."))
        << refusal(model);
    auto theta = nothing(model);
    load_parameters(path, theta, {}, Conversion::convert);
    expect_holds(theta, SafeTensors(path));
  };
  check(double());
  check(Eigen::half());
  check(Eigen::bfloat16());
}

TEST_F(LoadParameters, SaysAllThatIsWrongAtOnceAndWritesNothing) {
  const Sizes one{.dim = 4, .heads = 1, .hidden = 6, .depth = 1};
  const auto model = encoder(PreLN<float>(4), one);
  const auto theta = random(model);
  save_parameters(path, theta);
  const SafeTensors whole(path);
  const std::vector<double> doubles(4);
  const std::vector<std::uint8_t> small(4);
  std::vector<TensorEntry> entries;
  for (const auto& info : whole.tensors()) {
    auto shape = info.shape;
    if (info.name == "layers.0.linear2.bias" || info.name == "norm.bias") continue;  // missing
    if (info.name == "layers.0.linear1.weight") std::swap(shape[0], shape[1]);
    entries.push_back({info.name, info.dtype, shape, whole.bytes(info)});
    if (info.name == "layers.0.norm1.bias") entries.back() = TensorEntry::of<double>(info.name, {4}, doubles);
    if (info.name == "layers.0.norm2.bias") entries.back() = TensorEntry::of<std::uint8_t>(info.name, {4}, small);
  }
  entries.push_back(TensorEntry::of<double>("head.weight", {4}, doubles));
  entries.push_back(TensorEntry::of<double>("head.\n", {4}, doubles));
  write_safetensors(path, entries);

  const std::string start = '"' + path.string() + R"(" does not fit the model; )";
  const std::string missing = R"(missing: "layers.0.linear2.bias", "norm.bias"; )";
  const std::string nothing = "; nothing was loaded.";
  const std::string advice =
      " Give the file of such a model, or a NameMap that says what the file calls each tensor and which ones to "
      "ignore.";
  const std::string rest = nothing + advice;
  EXPECT_EQ(refusal(model), start + missing + R"(surplus: "head.weight", "head.\n"; )" +
                                R"(wrong: "layers.0.linear1.weight" F32 [4, 6] where F32 [6, 4] is needed, )" +
                                R"("layers.0.norm1.bias" F64 [4] where F32 [4] is needed, )" +
                                R"("layers.0.norm2.bias" U8 [4] where F32 [4] is needed)" + nothing +
                                " Pass Conversion::convert to convert numbers of another type." + advice);
  EXPECT_EQ(refusal(model, {.ignored = {"head.*"}}, Conversion::convert),
            start + missing + R"(wrong: "layers.0.linear1.weight" F32 [4, 6] where F32 [6, 4] is needed, )" +
                R"("layers.0.norm2.bias" U8 [4] where F32 [4] is needed)" + rest);
  EXPECT_EQ(refusal(encoder(PreLN<float>(4), {.dim = 4, .heads = 1, .hidden = 6, .depth = 0}),
                    {.prefix = "a.", .ignored = {"*"}}),
            start + R"(missing: "a.norm.weight", "a.norm.bias")" + rest);
}

TEST_F(LoadParameters, ShowsTenFaultsOfAKindAndCountsTheOthers) {
  const auto model = encoder(PreLN<float>(38), sizes);
  const std::vector<float> number(1);
  std::vector<TensorEntry> entries;
  for (int i = 0; i < 5000; ++i) {
    entries.push_back(TensorEntry::of<float>("head" + std::to_string(10000 + i), {1}, number));
  }
  write_safetensors(path, entries);
  const std::string sentence = refusal(model);
  EXPECT_LT(sentence.size(), 1500u);
  const auto missing = std::to_string(Parameters(model).manifest().size() - 10);
  EXPECT_NE(sentence.find(", and " + missing + " more; surplus: \"head10000\", "), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("\"head10009\", and 4990 more; nothing was loaded"), std::string::npos) << sentence;
}

/// A model with a tensor that no other model has.
template <class Blocks>
struct Prompted : Blocks {
  using S = typename Blocks::Scalar;
  bool operator==(const Prompted&) const = default;
  struct Params : Blocks::Params {
    RowView<S> prompt;
    void carve(Carver<S>& c, const Prompted& model) {
      Blocks::Params::carve(c, model);
      c("tuning.prompt", prompt, 5);
    }
  };
};

TEST_F(LoadParameters, AFileMayLackWhatIsKept) {
  const auto plain = encoder(PreLN<float>(38), sizes);
  const Prompted<std::remove_const_t<decltype(plain)>> model{plain};
  const auto start = random(model);
  auto source = Parameters(plain);
  test_support::randomise(source, 8);
  save_parameters(path, source);
  EXPECT_NE(refusal(model).find(R"(missing: "tuning.prompt"; nothing)"), std::string::npos);
  EXPECT_NE(refusal(model, {.kept = {"tuning"}}).find("missing"), std::string::npos);

  auto theta = start;
  load_parameters(path, theta, {.kept = {"*.prompt"}});
  EXPECT_TRUE(same_bits(theta.flat().head(source.size()), source.flat()));
  EXPECT_TRUE(same_bits(theta.flat().tail(5), start.flat().tail(5))) << "the prompt keeps its numbers";

  save_parameters(path, start);
  load_parameters(path, theta, {.kept = {"*"}});
  EXPECT_TRUE(same_bits(theta.flat(), start.flat())) << "what the file has is read, kept or not";
}

TEST_F(LoadParameters, WhatIsKeptStillHasToFit) {
  const Sizes wide{.dim = 38, .heads = 2, .hidden = 72, .depth = 2};
  save_parameters(path, random(encoder(PreLN<float>(38), wide)));
  EXPECT_NE(refusal(encoder(PreLN<float>(38), sizes), {.kept = {"*"}}).find("wrong: \"layers.0.linear1.weight\""),
            std::string::npos);
}

TEST_F(LoadParameters, UnderNamesOfTheUsersOwn) {
  const NameMap names{.rules = {{"layers.*.self_attn.in_proj_*", {"h.*.q.*", "h.*.k.*", "h.*.v.*"}},
                                {"layers.*.linear1.*", {"h.*.mlp.up.*"}},
                                {"layers.*", {"h.*"}}},
                      .prefix = "transformer.",
                      .ignored = {"transformer.h.*.mask"}};
  const auto model = encoder(PostLN<float>(38), sizes);
  expect_round_trip(model, names);
  const SafeTensors file(path);
  EXPECT_NE(file.find("transformer.h.1.k.weight"), nullptr);
  EXPECT_NE(file.find("transformer.h.0.mlp.up.bias"), nullptr);
  EXPECT_NE(file.find("transformer.h.0.norm2.weight"), nullptr);

  std::vector<TensorEntry> entries;
  for (const auto& info : file.tensors()) entries.push_back({info.name, info.dtype, info.shape, file.bytes(info)});
  const std::vector<float> mask(9);
  entries.push_back(TensorEntry::of<float>("transformer.h.0.mask", {3, 3}, mask));
  write_safetensors(path, entries);
  auto theta = nothing(model);
  load_parameters(path, theta, names);
  EXPECT_TRUE(same_bits(theta.flat(), random(model).flat()));
}

}  // namespace
