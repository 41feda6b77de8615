// What rules make of a model's names, and which tensors of a file these then are.
// group: files
#include "residual/io/name_map.hpp"

#include <gtest/gtest.h>

#include "residual/io/detail/file_tensor.hpp"
#include "residual/io/fairseq_names.hpp"
#include "support/expect_sentence.hpp"

namespace {

using namespace residual;
using detail::file_tensors, detail::FileTensor;
using test_support::expect_sentence;
using Names = std::vector<std::string>;

TEST(NameMap, KeepsWhatNoRuleFits) {
  EXPECT_EQ(NameMap().theirs("layers.0.norm1.weight"), Names{"layers.0.norm1.weight"});
  const NameMap names{.rules = {{"linear1.*", {"fc1.*"}}, {"layers.*.norm1", {"no"}}}, .prefix = "model."};
  EXPECT_EQ(names.theirs("layers.0.linear1.weight"), Names{"model.layers.0.linear1.weight"});
  EXPECT_EQ(names.theirs("layers.0.norm1.weight"), Names{"model.layers.0.norm1.weight"});
}

TEST(NameMap, TheFirstRuleThatFitsDecides) {
  const NameMap names{.rules = {{"a.*", {"first.*"}}, {"a.b", {"second"}}, {"*", {"last.*"}}}};
  EXPECT_EQ(names.theirs("a.b"), Names{"first.b"});
  EXPECT_EQ(names.theirs("c"), Names{"last.c"});
}

TEST(NameMap, StarsCarryTheirTextsInOrder) {
  const NameMap names{.rules = {{"*.layers.*.in_*", {"*/block_*/q_*", "*/block_*/k_*"}}}, .prefix = "m."};
  EXPECT_EQ(names.theirs("encoder.layers.11.in_weight"),
            (Names{"m.encoder/block_11/q_weight", "m.encoder/block_11/k_weight"}));
  const NameMap shortest{.rules = {{"*.*", {"*|*"}}}};
  EXPECT_EQ(shortest.theirs("a.b.c"), Names{"a|b.c"});
  EXPECT_EQ(shortest.theirs("."), Names{"|"});
}

TEST(NameMap, IgnoresByPattern) {
  const NameMap names{.ignored = {"*.version", "embed*", "a*b*c", "exact"}};
  for (const char* name : {"encoder.version", ".version", "embed", "embed_tokens.weight", "abc", "axbxbxc", "exact"}) {
    EXPECT_TRUE(names.ignores(name)) << name;
  }
  for (const char* name : {"version", "encoder.version.2", "an embed", "ac", "acb", "abcd", "ab", "exactly", ""}) {
    EXPECT_FALSE(names.ignores(name)) << name;
  }
  EXPECT_FALSE(NameMap().ignores("anything"));
  EXPECT_TRUE(NameMap{.ignored = {"*"}}.ignores(""));
}

TEST(NameMap, SaysHowAFileStoresATensorAndWhatItMayLack) {
  const NameMap names{.rules = {{"a.*", {"b.*"}, Stored::as_ours}, {"*", {"*"}}, {"c", {"c"}, Stored::as_ours}},
                      .kept = {"*.prompt", "gate"}};
  EXPECT_EQ(names.stored("a.weight"), Stored::as_ours);
  EXPECT_EQ(names.stored("c"), Stored::as_pytorch) << "the first rule that fits decides";
  EXPECT_EQ(NameMap().stored("a.weight"), Stored::as_pytorch);
  EXPECT_TRUE(names.keeps("layers.0.prompt"));
  EXPECT_TRUE(names.keeps("gate"));
  EXPECT_FALSE(names.keeps("prompt"));
  EXPECT_FALSE(NameMap().keeps("gate"));
}

TEST(NameMap, RefusesRulesThatCannotBeApplied) {
  expect_sentence([] { (void)NameMap{.rules = {{"a.*", {}}}}.theirs("a.b"); }, {"\"a.*\"", "no name of theirs"});
  expect_sentence(
      [] {
        (void)NameMap{.rules = {{"a.*", {"b.*.*"}}}}.theirs("a.b");
      },
      {"\"a.*\" has 1 *", "\"b.*.*\" has 2"});
  expect_sentence([] { (void)NameMap{.rules = {{"a.*", {"b.*", "b"}}}}.theirs("a.b"); }, {"\"b\" has 0"});
}

/// Tensors without declared parts.
const Manifest manifest = {{"in_proj_weight", 0, 2, 6, Layout::transposed},
                           {"in_proj_bias", 12, 1, 6, Layout::vector},
                           {"embed_tokens.weight", 18, 4, 3, Layout::matrix}};

TEST(FileTensors, HaveTheShapesOfTheFile) {
  const auto tensors = file_tensors(manifest, {});
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[0].shape, (std::vector<std::int64_t>{6, 2}));
  EXPECT_TRUE(tensors[0].transposed);
  EXPECT_EQ(tensors[1].shape, std::vector<std::int64_t>{6});
  EXPECT_EQ(tensors[2].shape, (std::vector<std::int64_t>{4, 3}));
  EXPECT_FALSE(tensors[2].transposed);
}

TEST(FileTensors, DivideTheOutputsIntoEqualParts) {
  const NameMap names{.rules = {{"in_proj_*", {"q_*", "k_*", "v_*"}}, {"embed_tokens.*", {"low.*", "high.*"}}}};
  const auto tensors = file_tensors(manifest, names);
  ASSERT_EQ(tensors.size(), 8u);
  const FileTensor &k = tensors[1], &v_bias = tensors[5], &high = tensors[7];
  EXPECT_EQ(k.name, "k_weight");
  EXPECT_EQ(k.shape, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(k.offset, 2) << "columns 2 and 3 of [2 x 6]";
  EXPECT_EQ(k.stride, 6);
  EXPECT_EQ(tensors[2].offset, 4);
  EXPECT_EQ(v_bias.name, "v_bias");
  EXPECT_EQ(v_bias.shape, std::vector<std::int64_t>{2});
  EXPECT_EQ(v_bias.offset, 12 + 4);
  EXPECT_EQ(high.name, "high.weight");
  EXPECT_EQ(high.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(high.offset, 18 + 6);
}

/// Queries of 4 outputs, keys and values of 1.
const std::vector<TensorPart> qkv = {
    {"q", 4, Projection::query, 0}, {"k", 1, Projection::key, 4}, {"v", 1, Projection::value, 5}};
const Manifest in_parts = {{"in_proj_weight", 0, 2, 6, Layout::transposed, Role::weight, qkv, 2},
                           {"in_proj_bias", 12, 1, 6, Layout::vector, Role::bias, qkv, 2}};

TEST(FileTensors, DivideATensorAsItsPartsSay) {
  const auto tensors = file_tensors(in_parts, {.rules = {{"in_proj_*", {"q_*", "k_*", "v_*"}}}});
  ASSERT_EQ(tensors.size(), 6u);
  const std::vector<std::vector<std::int64_t>> shapes = {{4, 2}, {1, 2}, {1, 2}, {4}, {1}, {1}};
  const std::vector<Index> offsets = {0, 4, 5, 12, 16, 17};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(tensors[i].shape, shapes[i]) << tensors[i].name;
    EXPECT_EQ(tensors[i].offset, offsets[i]) << tensors[i].name;
  }
  const auto whole = file_tensors(in_parts, {});
  ASSERT_EQ(whole.size(), 2u);
  EXPECT_EQ(whole[0].shape, (std::vector<std::int64_t>{6, 2}));
  for (const Names& theirs : {Names{"a*", "b*"}, Names{"a*", "b*", "c*", "d*", "e*", "f*"}}) {
    expect_sentence(
        [&] {
          (void)file_tensors(in_parts, {.rules = {{"in_proj_*", theirs}}});
        },
        {"in_proj_weight has the parts q, k, v, but ", " names; give it one, or one for each part."});
  }
}

TEST(FileTensors, MayBeStoredAsOurs) {
  const auto whole = file_tensors(in_parts, {.rules = {{"in_proj_weight", {"c_attn.weight"}, Stored::as_ours}}});
  EXPECT_EQ(whole[0].shape, (std::vector<std::int64_t>{2, 6}));
  EXPECT_FALSE(whole[0].transposed);
  const auto parts = file_tensors(in_parts, {.rules = {{"in_proj_*", {"q_*", "k_*", "v_*"}, Stored::as_ours}}});
  ASSERT_EQ(parts.size(), 6u);
  EXPECT_EQ(parts[0].shape, (std::vector<std::int64_t>{2, 4}));
  EXPECT_EQ(parts[1].shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(parts[1].offset, 4);
  EXPECT_EQ(parts[1].stride, 6);
  EXPECT_FALSE(parts[1].transposed);
  EXPECT_EQ(parts[3].shape, std::vector<std::int64_t>{4}) << "a bias has one shape";
}

TEST(FileTensors, RefuseUnequalPartsAndOneNameForTwo) {
  expect_sentence(
      [] {
        (void)file_tensors(manifest, {.rules = {{"in_proj_*", {"a*", "b*", "c*", "d*"}}}});
      },
      {"in_proj_weight has 6 outputs", "4 equal parts"});
  expect_sentence(
      [] {
        (void)file_tensors(manifest, {.rules = {{"*_proj_*", {"*x*", "*x*"}}}});
      },
      {"\"inxweight\" is the name of two tensors"});
}

/// Sub-modules of fairseq's TransformerEncoderLayerBase and TransformerDecoderLayerBase.
Names theirs(const NameMap& names, const Names& ours) {
  Names all;
  for (const auto& name : ours) {
    for (const auto& their : names.theirs(name)) all.push_back(their);
  }
  return all;
}

TEST(FairseqNames, OfAnEncoder) {
  const Names ours = {"layers.10.self_attn.in_proj_weight",
                      "layers.10.self_attn.in_proj_bias",
                      "layers.10.self_attn.out_proj.weight",
                      "layers.10.linear1.weight",
                      "layers.10.linear2.bias",
                      "layers.10.norm1.weight",
                      "layers.10.norm2.bias",
                      "norm.weight",
                      "embed_tokens.weight"};
  EXPECT_EQ(
      theirs(fairseq_names(), ours),
      (Names{"layers.10.self_attn.q_proj.weight", "layers.10.self_attn.k_proj.weight",
             "layers.10.self_attn.v_proj.weight", "layers.10.self_attn.q_proj.bias", "layers.10.self_attn.k_proj.bias",
             "layers.10.self_attn.v_proj.bias", "layers.10.self_attn.out_proj.weight", "layers.10.fc1.weight",
             "layers.10.fc2.bias", "layers.10.self_attn_layer_norm.weight", "layers.10.final_layer_norm.bias",
             "layer_norm.weight", "embed_tokens.weight"}));
}

TEST(FairseqNames, OfADecoderAndOfBoth) {
  const Names ours = {"layers.0.multihead_attn.in_proj_bias",
                      "layers.0.multihead_attn.out_proj.weight",
                      "layers.0.norm1.bias",
                      "layers.0.norm2.bias",
                      "layers.0.norm3.bias",
                      "norm.bias"};
  const Names expected = {"layers.0.encoder_attn.q_proj.bias",  "layers.0.encoder_attn.k_proj.bias",
                          "layers.0.encoder_attn.v_proj.bias",  "layers.0.encoder_attn.out_proj.weight",
                          "layers.0.self_attn_layer_norm.bias", "layers.0.encoder_attn_layer_norm.bias",
                          "layers.0.final_layer_norm.bias",     "layer_norm.bias"};
  EXPECT_EQ(theirs(fairseq_decoder_names(), ours), expected);

  const auto within = [](Names names) {
    for (auto& name : names) name = "decoder." + name;
    return names;
  };
  EXPECT_EQ(theirs(fairseq_names(), within(ours)), within(expected));
  EXPECT_EQ(fairseq_names().theirs("encoder.layers.3.norm2.weight"), Names{"encoder.layers.3.final_layer_norm.weight"});
  EXPECT_EQ(fairseq_names().theirs("encoder.norm.weight"), Names{"encoder.layer_norm.weight"});
}

TEST(FairseqNames, IgnoreWhatHoldsNoWeights) {
  for (const char* name : {"encoder.version", "decoder.embed_positions._float_tensor"}) {
    EXPECT_TRUE(fairseq_names().ignores(name)) << name;
  }
  EXPECT_FALSE(fairseq_names().ignores("decoder.output_projection.weight"));
}

}  // namespace
