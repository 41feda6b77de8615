// A vector with a shape: copies own their numbers, and the names are those of PyTorch's state_dict.
// group: core
#include "residual/core/parameters.hpp"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "support/expect_sentence.hpp"
#include "support/heap_count.hpp"
#include "support/same_bits.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

using Model = Encoder<PreLN<float>>;
Model model(Index depth = 2, Index hidden = 12) {
  return encoder(PreLN<float>(8), {.dim = 8, .heads = 2, .hidden = hidden, .depth = depth});
}
Parameters<Model> random(Index depth = 2, Index hidden = 12) {
  Parameters theta(model(depth, hidden));
  randomise(theta, 4);
  return theta;
}

/// The tree shows the object's own memory, all of it.
testing::AssertionResult is_whole(Parameters<Model>& theta) {
  const float* begin = theta.data();
  const float* first =
      theta->layers.empty() ? theta->wiring.last.gamma.data() : std::get<0>(theta->layers[0]).in_proj.weight.data();
  if (first != begin) return testing::AssertionFailure() << "the tree shows other memory";
  if (theta->wiring.last.beta.data() + 8 != begin + theta.size())
    return testing::AssertionFailure() << "its end lies elsewhere";
  if (Index(theta->layers.size()) != theta.model().depth) return testing::AssertionFailure() << "its depth is another";
  if (theta.fingerprint() != Parameters<Model>::fingerprint(theta.model()))
    return testing::AssertionFailure() << "fingerprint";
  return testing::AssertionSuccess();
}

TEST(Parameters, StartAtZero) {
  Parameters theta(model());
  EXPECT_EQ(theta.size(), 2 * (4 * 8 * 8 + 4 * 8 + 2 * 8 * 12 + 12 + 8 + 4 * 8) + 16);
  EXPECT_TRUE((theta.flat().array() == 0).all());
  EXPECT_TRUE(is_whole(theta));
}

TEST(Parameters, CopiesAreTheirOwn) {
  auto theta = random();
  auto copy = theta;
  EXPECT_TRUE(same_bits(copy.flat(), theta.flat()));
  EXPECT_TRUE(is_whole(copy));
  EXPECT_TRUE(is_whole(theta));
  copy->wiring.last.gamma.setConstant(7);
  EXPECT_EQ(copy.flat()[copy.size() - 16], 7);
  EXPECT_NE(theta->wiring.last.gamma[0], 7);
}

TEST(Parameters, MovesTakeTheMemoryAlong) {
  auto theta = random();
  const Column<float> numbers = theta.flat();
  const float* memory = theta.data();
  auto moved = std::move(theta);
  EXPECT_EQ(moved.data(), memory);
  EXPECT_TRUE(same_bits(moved.flat(), numbers));
  EXPECT_TRUE(is_whole(moved));
}

TEST(Parameters, AssignmentChangesTheShapeToo) {
  auto theta = random(1, 20);
  const auto other = random(3);
  theta = other;
  EXPECT_TRUE(same_bits(theta.flat(), other.flat()));
  EXPECT_TRUE(is_whole(theta));
  EXPECT_EQ(theta.fingerprint(), other.fingerprint());
  theta = random(0);
  EXPECT_EQ(theta.size(), 16);
  EXPECT_TRUE(is_whole(theta));
}

TEST(Parameters, SelfAssignmentChangesNothing) {
  auto theta = random();
  const Column<float> numbers = theta.flat();
  auto& same = theta;
  theta = same;
  EXPECT_TRUE(same_bits(theta.flat(), numbers));
  EXPECT_TRUE(is_whole(theta));
}

TEST(Parameters, Swap) {
  auto a = random(1), b = random(2);
  const Column<float> of_a = a.flat(), of_b = b.flat();
  std::swap(a, b);
  EXPECT_TRUE(same_bits(a.flat(), of_b));
  EXPECT_TRUE(same_bits(b.flat(), of_a));
  EXPECT_TRUE(is_whole(a));
  EXPECT_TRUE(is_whole(b));
}

/// So memory that runs out cannot end the program here: none of these may throw.
TEST(Parameters, MovesAndSwapAllocateNothing) {
  auto a = random(1), b = random(3);
  const Column<float> of_a = a.flat(), of_b = b.flat();
  EXPECT_EQ(allocations([&] { std::swap(a, b); }), 0);
  EXPECT_EQ(allocations([&] {
              auto moved = std::move(a);
              a = std::move(b);
              b = std::move(moved);
            }),
            0);
  EXPECT_TRUE(same_bits(a.flat(), of_a));
  EXPECT_TRUE(same_bits(b.flat(), of_b));
  EXPECT_TRUE(is_whole(a));
  EXPECT_TRUE(is_whole(b));
}

/// What was moved from takes numbers again, and the views of the new owner stay with the old memory.
TEST(Parameters, MovedFromIsAssignedTo) {
  auto theta = random(2);
  const Column<float> numbers = theta.flat();
  auto moved = std::move(theta);
  theta = random(1);
  EXPECT_TRUE(is_whole(theta));
  EXPECT_TRUE(is_whole(moved));
  theta->wiring.last.gamma.setConstant(7);
  EXPECT_TRUE(same_bits(moved.flat(), numbers));
}

TEST(Parameters, MovingToItselfChangesNothing) {
  auto theta = random();
  const Column<float> numbers = theta.flat();
  auto& same = theta;
  theta = std::move(same);
  EXPECT_TRUE(same_bits(theta.flat(), numbers));
  EXPECT_TRUE(is_whole(theta));
}

TEST(Parameters, LiveInContainers) {
  std::vector<Parameters<Model>> all;
  for (Index depth = 0; depth < 5; ++depth) all.push_back(random(depth));
  for (auto& theta : all) EXPECT_TRUE(is_whole(theta));
}

TEST(Parameters, ArithmeticIsOnFlat) {
  auto theta = random();
  const auto start = theta;
  Parameters gradient(theta.model());
  gradient.flat().setOnes();
  theta.flat() -= 0.5f * gradient.flat();
  EXPECT_TRUE(equal(theta->wiring.last.beta, start->wiring.last.beta.array() - 0.5f));
}

std::vector<std::string> names(const Manifest& manifest) {
  std::vector<std::string> all;
  for (const auto& entry : manifest) all.push_back(entry.name);
  return all;
}

/// torch.nn.TransformerEncoder(TransformerEncoderLayer(...), 2, norm=LayerNorm(...)).state_dict().keys()
TEST(Manifest, AnEncoderHasPyTorchsNames) {
  std::vector<std::string> expected;
  for (const char* layer : {"layers.0.", "layers.1."}) {
    for (const char* name : {"self_attn.in_proj_weight", "self_attn.in_proj_bias", "self_attn.out_proj.weight",
                             "self_attn.out_proj.bias", "linear1.weight", "linear1.bias", "linear2.weight",
                             "linear2.bias", "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"}) {
      expected.push_back(std::string(layer) + name);
    }
  }
  const Sizes sizes{.dim = 8, .heads = 2, .hidden = 12, .depth = 2};
  const auto post = encoder(PostLN<float>(8), sizes);
  EXPECT_EQ(names(Parameters<Encoder<PostLN<float>>>::manifest(post)), expected);
  expected.insert(expected.end(), {"norm.weight", "norm.bias"});
  EXPECT_EQ(names(Parameters<Model>::manifest(model())), expected);
  const auto dual = encoder(ResiDual<float>(8), sizes);
  EXPECT_EQ(names(Parameters<Encoder<ResiDual<float>>>::manifest(dual)), expected);
}

/// torch.nn.TransformerDecoder(TransformerDecoderLayer(...), 1, norm=LayerNorm(...)).state_dict().keys()
TEST(Manifest, ADecoderHasPyTorchsNames) {
  const auto m = decoder(ResiDual<float>(8), {.dim = 8, .heads = 2, .hidden = 12, .depth = 1});
  const std::vector<std::string> expected = {"layers.0.self_attn.in_proj_weight",
                                             "layers.0.self_attn.in_proj_bias",
                                             "layers.0.self_attn.out_proj.weight",
                                             "layers.0.self_attn.out_proj.bias",
                                             "layers.0.multihead_attn.in_proj_weight",
                                             "layers.0.multihead_attn.in_proj_bias",
                                             "layers.0.multihead_attn.out_proj.weight",
                                             "layers.0.multihead_attn.out_proj.bias",
                                             "layers.0.linear1.weight",
                                             "layers.0.linear1.bias",
                                             "layers.0.linear2.weight",
                                             "layers.0.linear2.bias",
                                             "layers.0.norm1.weight",
                                             "layers.0.norm1.bias",
                                             "layers.0.norm2.weight",
                                             "layers.0.norm2.bias",
                                             "layers.0.norm3.weight",
                                             "layers.0.norm3.bias",
                                             "norm.weight",
                                             "norm.bias"};
  EXPECT_EQ(names(Parameters<Decoder<ResiDual<float>>>::manifest(m)), expected);
}

TEST(Manifest, CoversTheVectorWithoutGapsInPyTorchsShapes) {
  Index next = 0;
  for (const auto& entry : Parameters<Model>::manifest(model())) {
    EXPECT_EQ(entry.offset, next) << entry.name;
    next += entry.size();
    const bool weight_of_a_map = entry.rows > 1;
    EXPECT_EQ(entry.layout, weight_of_a_map ? Layout::transposed : Layout::vector) << entry.name;
    if (!entry.name.ends_with("in_proj_weight")) continue;
    EXPECT_EQ(entry.rows, 8) << "[d x 3d] here, [3d x d] there";
    EXPECT_EQ(entry.cols, 24);
  }
  EXPECT_EQ(next, Parameters(model()).size());
}

TEST(Manifest, SaysWhatTheTensorsOfALayerAre) {
  const Manifest all = Parameters<Model>::manifest(model());
  const auto expect_map = [&](std::size_t i, const std::vector<TensorPart>& parts, Index fan_in) {
    EXPECT_EQ(all[i].role, Role::weight) << all[i].name;
    EXPECT_EQ(all[i + 1].role, Role::bias) << all[i + 1].name;
    for (const auto& entry : {all[i], all[i + 1]}) {
      EXPECT_EQ(entry.parts, parts) << entry.name;
      EXPECT_EQ(entry.fan_in, fan_in) << entry.name;
    }
  };
  expect_map(0, {{"q", 8, Projection::query, 0}, {"k", 8, Projection::key, 8}, {"v", 8, Projection::value, 16}}, 8);
  expect_map(2, {{"", 8, Projection::output}}, 8);
  expect_map(4, {{"", 12, Projection::up}}, 8);
  expect_map(6, {{"", 8, Projection::down}}, 12);
  EXPECT_EQ(all[8].role, Role::own);
  EXPECT_EQ(all[8].start, starts::ones()) << "a norm's gain";
  EXPECT_EQ(all[9].start, starts::zeros()) << "a norm's bias";

  const auto gated = encoder<GatedFeedForward>(PreLN<float, RMSNorm<float>>(8),
                                               {.dim = 8, .heads = 2, .hidden = 12, .depth = 1, .bias = false});
  std::map<std::string, Projection> projections;
  for (const auto& entry : Parameters<std::remove_const_t<decltype(gated)>>::manifest(gated)) {
    if (entry.role == Role::weight) projections[entry.name] = entry.parts[0].projection;
  }
  EXPECT_EQ(projections["layers.0.gate_proj.weight"], Projection::gate);
  EXPECT_EQ(projections["layers.0.up_proj.weight"], Projection::up);
  EXPECT_EQ(projections["layers.0.down_proj.weight"], Projection::down);
}

/// Linear maps whose parts leave an output over are refused.
TEST(Manifest, PartsHaveAllOutputsOfTheirMap) {
  Linear<float>::Params params;
  Carver<float> c;
  const std::initializer_list<TensorPart> parts = {{"k", 8, Projection::key}, {"v", 7, Projection::value}};
  expect_sentence([&] { params.carve(c, Linear<float>{4, 16}, parts); }, {"15 outputs, but it has 16"});
}

TEST(Names, ReachTheTensorsOfTheTree) {
  auto theta = random();
  const auto& read = theta;
  const auto& attention = std::get<0>(theta->layers[1]);
  EXPECT_EQ(theta["layers.1.self_attn.in_proj_weight"].data(), attention.in_proj.weight.data());
  EXPECT_EQ(read["layers.1.self_attn.in_proj_weight"], attention.in_proj.weight);
  for (const char* part : {"q", "k", "v"}) {
    const Index begin = part == std::string("q") ? 0 : part == std::string("k") ? 8 : 16;
    EXPECT_EQ(theta["layers.1.self_attn.in_proj_weight"].part(part), attention.in_proj.weight.middleCols(begin, 8));
    EXPECT_EQ(read["layers.1.self_attn.in_proj_bias"].part(part), attention.in_proj.bias.segment(begin, 8));
  }
  EXPECT_EQ(read["norm.weight"], theta->wiring.last.gamma);
}

TEST(Names, WriteToTheTensors) {
  auto theta = random();
  const auto start = theta;
  const Tokens<float> numbers = random_tokens<float>(8, 8, 6);
  theta["layers.0.self_attn.in_proj_weight"].part("k") = numbers;
  theta["layers.0.linear2.bias"](0, 3) = 7;
  theta["norm.bias"] = theta["layers.1.norm1.bias"];
  theta["layers.1.norm1.weight"].setZero();
  auto expected = start;
  std::get<0>(expected->layers[0]).in_proj.weight.middleCols(8, 8) = numbers;
  std::get<1>(expected->layers[0]).linear2.bias[3] = 7;
  const Site first_of_second{1, 0, 2, 2};
  expected->wiring.last.beta = start->wiring.norm[first_of_second].beta.eval();
  expected->wiring.norm[first_of_second].gamma.setZero();
  EXPECT_TRUE(same_bits(theta.flat(), expected.flat()));
  EXPECT_FALSE(same_bits(theta.flat(), start.flat()));
}

TEST(Names, TakeMatricesOfTheirShapeAlone) {
  auto theta = random();
  const auto start = theta;
  const Index hidden = theta["layers.0.linear1.weight"].cols();
  const Tokens<float> turned = Tokens<float>::Ones(hidden, 8), wide = Tokens<float>::Ones(8, 9);
  expect_sentence([&] { theta["layers.0.linear1.weight"] = turned; },
                  {"The tensor layers.0.linear1.weight is [8 x ", "but a matrix [", "x 8] was given",
                   "give the transpose of that: a weight is stored [in x out]"});
  expect_sentence([&] { theta["layers.0.linear1.weight"] += turned; }, {"give the transpose"});
  expect_sentence([&] { theta["layers.0.linear1.weight"] -= turned; }, {"give the transpose"});
  expect_sentence([&] { theta["layers.0.self_attn.in_proj_weight"].part("k") = wide; },
                  {"in_proj_weight, part k is [8 x 8], but a matrix [8 x 9] was given", "of its shape"});
  expect_sentence([&] { theta["norm.bias"] = Column<float>::Ones(8); }, {"norm.bias is [1 x 8]", "[8 x 1]"});
  expect_sentence([&] { theta["norm.bias"] = theta["layers.0.linear1.bias"]; }, {"norm.bias is [1 x 8]"});
  EXPECT_TRUE(same_bits(theta.flat(), start.flat()));
  theta["norm.bias"] += Row<float>::Ones(8);
  theta["norm.bias"] -= 2 * Row<float>::Ones(8);
  EXPECT_EQ(theta["norm.bias"], start["norm.bias"] + Row<float>::Ones(8) - 2 * Row<float>::Ones(8));
}

TEST(Names, BelongToTheObjectAfterCopiesMovesAndAssignments) {
  auto theta = random(1);
  auto copy = theta;
  EXPECT_EQ(copy["norm.weight"].data(), copy->wiring.last.gamma.data());
  auto moved = std::move(theta);
  EXPECT_EQ(moved["norm.weight"].data(), moved->wiring.last.gamma.data());
  moved = random(3);
  EXPECT_EQ(moved["layers.2.norm1.bias"].data(), (moved->wiring.norm[{2, 0, 3, 2}].beta.data()));
  EXPECT_EQ(moved.manifest(), Parameters<Model>::manifest(moved.model()));
}

/// Through const parameters, and through a const window, the numbers are const.
static_assert(std::derived_from<decltype(std::declval<const Parameters<Model>&>()[""].part("k")), In<float>>);
static_assert(std::is_same_v<decltype(std::declval<const NamedTensor<Out<float>>&>().part("k")), In<float>>);
static_assert(!std::is_assignable_v<decltype(std::declval<const Parameters<Model>&>()[""](0, 0)), float>);

TEST(Names, ThatDoNotExistAreAnsweredWithCloseOnes) {
  auto theta = random();
  expect_sentence([&] { theta["layers.0.linear1.wieght"]; },
                  {"no tensor \"layers.0.linear1.wieght\"; the closest names are \"layers.0.linear1.weight\", ",
                   "manifest() lists all"});
  expect_sentence([&] { std::as_const(theta)["self_attn.in_proj_bias"]; },
                  {"\"layers.0.self_attn.in_proj_bias\", \"layers.1.self_attn.in_proj_bias\""});
  expect_sentence([&] { theta["layers.0.self_attn.in_proj_weight"].part("keys"); },
                  {"layers.0.self_attn.in_proj_weight has no part \"keys\"; its parts are q, k, v."});
  expect_sentence([&] { theta["norm.weight"].part("k"); }, {"norm.weight has no part \"k\", nor any other"});
}

TEST(Names, AreAsFarApartAsTheirEdits) {
  const auto edits = [](std::string_view a, std::string_view b) { return detail::edits(a, b); };
  EXPECT_EQ(edits("kitten", "sitting"), 3u);
  EXPECT_EQ(edits("ab", "a"), 1u);
  EXPECT_EQ(edits("abc", "c"), 2u);
  EXPECT_EQ(edits("c", "abc"), 2u);
  EXPECT_EQ(edits("", "ab"), 2u);
}

TEST(Names, ThatTwoTensorsHaveAreRefused) {
  const Manifest twins = {
      {"a", 0, 1, 2, Layout::vector}, {"b", 2, 1, 2, Layout::vector}, {"a", 4, 1, 2, Layout::vector}};
  EXPECT_EQ(find_tensor(twins, "b").offset, 2);
  expect_sentence([&] { find_tensor(twins, "a"); }, {"Two tensors of this model have the name \"a\""});
}

TEST(Manifest, WithoutBiasesThereAreNone) {
  const auto scheme = PreLN<float>(LayerNorm<float>(8, 1e-5f, true, false), LayerNorm<float>(8, 1e-5f, true, false));
  const auto m = encoder(scheme, {.dim = 8, .heads = 2, .hidden = 12, .depth = 1, .bias = false});
  for (const auto& name : names(Parameters<Model>::manifest(m))) EXPECT_EQ(name.find("bias"), name.npos) << name;
}

TEST(Fingerprint, TellsShapesApart) {
  const auto of = [](const Model& m) { return Parameters<Model>::fingerprint(m); };
  EXPECT_EQ(of(model()), of(model()));
  EXPECT_NE(of(model(2)), of(model(3)));
  EXPECT_NE(of(model(2, 12)), of(model(2, 13)));
  using Map = Parameters<Linear<float>>;
  EXPECT_NE(Map::fingerprint({3, 4}), Map::fingerprint({3, 5}));
  EXPECT_NE(Map::fingerprint({3, 4}), Map::fingerprint({2, 4}));
}

/// A model of one row, of a name of its own.
struct NamedRow {
  using Scalar = float;
  const char* name;
  struct Params {
    RowView<float> row;
    void carve(Carver<float>& c, const NamedRow& model) { c(model.name, row, 3); }
  };
};
TEST(Fingerprint, TellsNamesApart) {
  EXPECT_NE(Parameters<NamedRow>::fingerprint({"gain"}), Parameters<NamedRow>::fingerprint({"bias"}));
}

}  // namespace
