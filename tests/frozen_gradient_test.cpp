// The gradient of what parameter groups train: the bits of the whole gradient, and nothing for frozen weights and tables.
// group: training
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "residual/adapt/low_rank.hpp"
#include "residual/adapt/scale_bias.hpp"
#include "residual/core/parameter_groups.hpp"
#include "residual/decode/decoding.hpp"
#include "residual/layers/attention/gated_prompts.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/sub_ln_feed_forward.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/masked_language_model.hpp"
#include "residual/model/plan.hpp"
#include "residual/model/tape.hpp"
#include "support/expect_sentence.hpp"
#include "support/same_bits.hpp"
#include "support/translator.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;
using test_support::same_bits;

bool is_matrix(const ManifestEntry& tensor) { return tensor.role == Role::weight || tensor.role == Role::embedding; }

/// Freezes each tensor alone, and all but each: what is trained has the bits of the whole gradient, also in a copy, and the
/// frozen weights and tables keep what was there, which nobody reads either.
template <class M>
void expect_left_out(const M& model, const typename M::Input& input) {
  Parameters theta(model), whole(model);
  test_support::randomise(theta, 1);
  Tape tape(model);
  const auto gradient = [&](Parameters<M>& g) {
    const Tokens<double> y = forward(model, theta, tape, input);
    backward(model, theta, tape, test_support::random_tokens<double>(y.rows(), y.cols(), 2), g);
  };
  gradient(whole);
  for (const ManifestEntry& tensor : theta.manifest()) {
    for (const bool alone : {true, false}) {
      ParameterGroups groups(theta);
      if (!alone) groups.freeze(parts::all);
      groups.rate(tensor.name, alone ? 0 : 1);
      const Parameters made(model, groups);
      Parameters g = made;
      for (const ManifestEntry& other : theta.manifest()) {
        ASSERT_EQ(g.has_view(other.offset + other.size() - 1),
                  !is_matrix(other) || (other.name == tensor.name) != alone);
        if (!g.has_view(other.offset)) g.flat().segment(other.offset, other.size()).setConstant(std::nan(""));
      }
      gradient(g);
      for (const ManifestEntry& other : theta.manifest()) {
        const auto part = g.flat().segment(other.offset, other.size());
        if (g.has_view(other.offset)) {
          ASSERT_TRUE(same_bits(part, whole.flat().segment(other.offset, other.size()))) << tensor.name << other.name;
        } else {
          ASSERT_TRUE(part.array().isNaN().all()) << tensor.name << other.name;
        }
      }
    }
  }
}

const std::vector<int> seven_words = {3, 1, 0, 2, 2, 1, 3};

TEST(FrozenGradient, OfALanguageModelWithGatesAndPrompts) {
  using A = SelfAttentionOf<double, GatedPrompts<double>>;
  const A attention{.dim = 4, .heads = 2, .causal = true, .inner = {.dim = 4, .heads = 2, .count = 2, .first = 1}};
  const auto blocks = encoder(PreLN<double>(4), {.depth = 2}, attention, GatedFeedForward<double>{4, 6});
  for (const bool tied : {true, false}) {
    const LanguageModel model(Embedding<double>(4, 4, 5, Positions::learned), blocks, Logits{.tied = tied});
    expect_left_out(model, {.batch = Batch::of({2, 5}), .tokens = seven_words});
  }
}

TEST(FrozenGradient, OfAMaskedLanguageModel) {
  Embedding<double> embedding(4, 4, 5, Positions::learned);
  embedding.token_types = 2;
  embedding.norm = LayerNorm<double>(4);
  const auto blocks = encoder(PostLN<double>(4), {.depth = 1}, SelfAttention<double>{.dim = 4, .heads = 2},
                              SubLNFeedForward<double, LayerNorm<double>>{4, 6, LayerNorm<double>(6)});
  expect_left_out(MaskedLanguageModel(embedding, blocks, WordHead<double>{4}),
                  {.batch = Batch::of({2, 5}), .tokens = seven_words});
}

TEST(FrozenGradient, OfATranslator) {
  for (const bool shared : {true, false}) {
    expect_left_out(
        test_support::translator<double>({.shared = shared, .tied = shared}),
        {.batch = Batch::of({2, 5}), .tokens = seven_words, .src_batch = Batch::of({4, 3}), .src_tokens = seven_words});
  }
}

TEST(FrozenGradient, OfAWeightOfWhichAPartIsTrainedIsWhole) {
  const auto model = encoder(PreLN<double>(4), {.dim = 4, .heads = 2, .hidden = 6, .depth = 1});
  const Parameters theta(model);
  ParameterGroups groups(theta);
  groups.freeze(parts::all).rate([](const Part& part) { return part.name == "v"; }, 1);
  const Parameters part(model, groups);
  for (const ManifestEntry& tensor : theta.manifest()) {
    const bool has_v = tensor.name.find("in_proj") != tensor.name.npos;
    EXPECT_EQ(part.has_view(tensor.offset), has_v || !is_matrix(tensor)) << tensor.name;
  }
}

TEST(FrozenGradient, RefusesWhatDoesNotFit) {
  const auto model = encoder(PreLN<double>(4), {.dim = 4, .heads = 2, .hidden = 6, .depth = 2, .causal = true}),
             deeper = encoder(PreLN<double>(4), {.dim = 4, .heads = 2, .hidden = 6, .depth = 3, .causal = true});
  Parameters theta(model);
  ParameterGroups groups(theta);
  groups.freeze("layers.1.linear1.*");
  expect_sentence([&] { Parameters(deeper, groups); }, {"belong to a model of another shape"});

  const Parameters part(model, groups);
  Tape tape(model);
  const auto x = test_support::random_tokens<double>(3, 4, 1);
  expect_sentence([&] { forward(model, part, tape, Batch::of({3}), x); },
                  {"forward: the parameters were made for groups", "without 1 frozen", "Parameters(model)"});
  expect_sentence([&] { Plan{part}; }, {"Plan: the parameters were made for groups"});
  expect_sentence([&] { Decoding(model, part, {.sequences = 1, .longest = 3}); }, {"Decoding: the parameters"});

  const AdaptedMaps all(theta), others(theta, parts::attention);
  const auto pulls = [&](const auto& adapter) {
    Parameters phi(adapter), dphi(adapter);
    adapter.pull(theta, phi, part, dphi);
  };
  expect_sentence([&] { pulls(LowRank<double>(all)); }, {"LowRank", "freeze the weight of layers.1.linear1."});
  expect_sentence([&] { pulls(ScaleBias<double>(all)); }, {"ScaleBias", "freeze the weight of layers.1.linear1."});
  pulls(LowRank<double>(others));
}

}  // namespace
