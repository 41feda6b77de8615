// Parameter groups: which numbers are trained, with which factors, and that what is frozen keeps its bits in optimizers,
// clipping, checkpoints and files.
// group: training
#include "residual/core/parameter_groups.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "residual/io/checkpoint.hpp"
#include "residual/io/load_parameters.hpp"
#include "residual/io/save_parameters.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/model/encoder.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/clip.hpp"
#include "residual/train/sgd.hpp"
#include "residual/wiring/pre_ln.hpp"

#include "support/expect_sentence.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;
using test_support::same_bits;

const auto grouped_model = encoder(PreLN<double>(4), {.dim = 4, .heads = 2, .hidden = 6, .depth = 2});

/// Numbers of both signs, zeros of both signs among them.
Parameters<std::remove_const_t<decltype(grouped_model)>> grouped_theta(std::uint64_t seed) {
  Parameters theta(grouped_model);
  test_support::randomise(theta.flat(), seed);
  for (Index i = 0; i < theta.size(); i += 7) theta.flat()[i] = i % 2 == 0 ? 0.0 : -0.0;
  return theta;
}

/// The factors of the learning rate, one a number.
Column<double> rates(const ParameterGroups& groups) {
  Column<double> rates = Column<double>::Zero(groups.size());
  for (const TrainedRange& range : groups.ranges()) rates.segment(range.begin, range.size).setConstant(range.rate);
  return rates;
}

TEST(ParameterGroups, AtFirstEverythingIsTrainedAndDecaysAsItsManifestSays) {
  const Parameters theta(grouped_model);
  const ParameterGroups groups(theta);
  EXPECT_EQ(groups.size(), theta.size());
  EXPECT_EQ(groups.trained(), theta.size());
  Column<double> decays = Column<double>::Constant(theta.size(), -1);
  for (const TrainedRange& range : groups.ranges()) {
    EXPECT_EQ(range.rate, 1);
    decays.segment(range.begin, range.size).setConstant(range.decay);
  }
  EXPECT_EQ(decays, decay_mask(theta));
}

/// Tensors of no numbers, whole and in parts, beside one that has some.
TEST(ParameterGroups, TrainNothingOfAnEmptyTensor) {
  ManifestEntry parted{"parted", 0, 3, 0, Layout::matrix, Role::weight};
  parted.parts = {{"a", 0}, {"b", 0}};
  ParameterGroups groups(Manifest{{"vector", 0, 0, 1, Layout::vector}, parted, {"whole", 0, 2, 2, Layout::matrix}});
  groups.rate([](const Part& part) { return part.name == "a"; }, 2).rate("vector", 3);
  EXPECT_EQ(groups.trained_by_tensor(), (std::vector<Index>{0, 0, 4}));
  ASSERT_EQ(groups.trained_tensors().size(), 1u);
  EXPECT_EQ(groups.trained_tensors()[0].name, "whole");
  EXPECT_EQ(groups.ranges(), (std::vector<TrainedRange>{{0, 4, 1, 0}}));
}

TEST(ParameterGroups, AGateIsAPartOfItsFeedForwardLayer) {
  const auto gated = encoder<GatedFeedForward>(PreLN<double>(4), {.dim = 4, .heads = 2, .hidden = 6, .depth = 1});
  const Parameters theta(gated);
  ParameterGroups groups(theta);
  groups.freeze(parts::all).rate(parts::feed_forward, 1);
  Index size = 0;
  for (const ManifestEntry& tensor : theta.manifest()) {
    if (tensor.name.find("_proj") != tensor.name.npos && tensor.name.find("attn") == tensor.name.npos) {
      size += tensor.size();
    }
  }
  EXPECT_EQ(size, 3 * 4 * 6 + 6 + 6 + 4);
  EXPECT_EQ(groups.trained(), size);
}

TEST(ParameterGroups, APatternAPredicateAndAPartChooseAndTheLastOneCounts) {
  const Parameters theta(grouped_model);
  ParameterGroups groups(theta);
  groups.freeze(parts::all).rate("*norm*", 2).rate("layers.1.norm2.bias", 0.5);
  groups.rate([](const Part& part) { return part.projection == Projection::key; }, 0.25);
  Parameters expected(grouped_model);
  for (const ManifestEntry& tensor : expected.manifest()) {
    if (tensor.name.find("norm") != tensor.name.npos) expected[tensor.name].setConstant(2);
  }
  expected["layers.1.norm2.bias"].setConstant(0.5);
  for (const char* block : {"layers.0.", "layers.1."}) {
    for (const char* name : {"weight", "bias"}) {
      expected[block + std::string("self_attn.in_proj_") + name].part("k").setConstant(0.25);
    }
  }
  EXPECT_EQ(rates(groups), expected.flat());
  EXPECT_EQ(groups.trained(), (expected.flat().array() > 0).count());
  Index last = 0;
  for (const TrainedRange& range : groups.ranges()) {
    EXPECT_GE(range.begin, last);
    last = range.begin + range.size;
  }
}

TEST(ParameterGroups, AttentionIsAllFourOfItsMaps) {
  const Parameters theta(grouped_model);
  ParameterGroups groups(theta);
  groups.freeze(parts::all).rate(parts::attention, 1);
  std::vector<std::string> expected, found;
  for (const char* block : {"layers.0.", "layers.1."}) {
    for (const char* map : {"in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"}) {
      expected.push_back(block + std::string("self_attn.") + map);
    }
  }
  for (const ManifestEntry& tensor : groups.trained_tensors()) found.push_back(tensor.name);
  EXPECT_EQ(found, expected);
}

TEST(ParameterGroups, NeighboursThatAreTrainedAlikeAreOneRange) {
  const Parameters theta(grouped_model);
  ParameterGroups groups(theta);
  groups.decay(parts::all, 1);
  EXPECT_EQ(groups.ranges(), (std::vector<TrainedRange>{{0, theta.size(), 1, 1}}));
}

/// Some steps with groups: what is frozen keeps its bits; all else goes as with an optimizer of its own.
template <class Optimizer, class Options>
void expect_groups_honoured(const Options& options) {
  const auto start = grouped_theta(1);
  ParameterGroups groups(start);
  groups.freeze("layers.0.*").rate("*linear1*", 0.5).decay("*linear1*", 3).freeze([](const Part& part) {
    return part.name == "v";
  });
  const Column<double> rate = rates(groups);
  auto theta = start;
  Optimizer optimizer(groups, options);
  Column<double> reference = start.flat();
  Options own = options;
  Optimizer whole(start.size(), own, decay_mask(start));
  own.weight_decay *= 3;
  Optimizer half(start.size(), own);
  Column<double> halved = reference;
  for (std::uint64_t step = 0; step < 5; ++step) {
    auto g = grouped_theta(step + 2);
    for (Index i = 0; i < g.size(); ++i) {
      if (rate[i] == 0) g.flat()[i] = std::nan("");  // nobody may read it
    }
    optimizer.step(theta.flat(), g.flat(), 0.1);
    whole.step(reference, g.flat(), 0.1);
    half.step(halved, g.flat(), 0.05);
  }
  for (Index i = 0; i < rate.size(); ++i) {
    const double expected = rate[i] == 0 ? start.flat()[i] : rate[i] == 1 ? reference[i] : halved[i];
    ASSERT_NEAR(theta.flat()[i], expected, 1e-14) << i;
    if (rate[i] == 0) {
      ASSERT_TRUE(theta.flat()[i] == expected && std::signbit(theta.flat()[i]) == std::signbit(expected)) << i;
    }
  }
}

TEST(ParameterGroups, AreHonouredByAdamW) { expect_groups_honoured<AdamW<double>>(AdamWOptions{.weight_decay = 0.25}); }
TEST(ParameterGroups, AreHonouredBySgd) {
  expect_groups_honoured<Sgd<double>>(SgdOptions{.momentum = 0.5, .weight_decay = 0.25});
  expect_groups_honoured<Sgd<double>>(SgdOptions{.momentum = 0.5, .weight_decay = 0.25, .nesterov = true});
}

TEST(ParameterGroups, ClippingSeesWhatIsTrainedAlone) {
  auto gradient = grouped_theta(1);
  ParameterGroups groups(gradient);
  groups.freeze("layers.0.*");
  const Column<double> mask = rates(groups);
  for (Index i = 0; i < mask.size(); ++i) {
    if (mask[i] == 0) gradient.flat()[i] = std::numeric_limits<double>::infinity();
  }
  const Column<double> before = gradient.flat();
  const double norm = (mask.array() > 0).select(before, 0).matrix().norm();
  EXPECT_NEAR(clip_by_global_norm(gradient.flat(), norm / 2, groups), norm, 1e-13 * norm);
  for (Index i = 0; i < mask.size(); ++i) {
    if (mask[i] == 0) {
      EXPECT_EQ(gradient.flat()[i], before[i]);
    } else {
      EXPECT_NEAR(gradient.flat()[i], before[i] / 2, 1e-6);
    }
  }
}

class GroupFiles : public testing::Test {
 protected:
  GroupFiles() : groups(theta) {
    groups.freeze(parts::all).rate("*norm*", 1).rate([](const Part& part) { return part.name == "q"; }, 1);
  }
  ~GroupFiles() override { std::filesystem::remove(path); }

  /// theta with the tensors of `other` of which a part is trained.
  Column<double> with_trained_of(const Parameters<std::remove_const_t<decltype(grouped_model)>>& other) const {
    auto mixed = theta;
    for (const ManifestEntry& tensor : groups.trained_tensors()) mixed[tensor.name] = other[tensor.name];
    return mixed.flat();
  }

  Parameters<std::remove_const_t<decltype(grouped_model)>> theta = grouped_theta(1);
  ParameterGroups groups;
  const std::string path = "groups.safetensors";
};

TEST_F(GroupFiles, HoldWhatIsTrained) {
  const auto other = grouped_theta(2);
  save_parameters(path, other, groups);
  std::vector<std::string> names;
  for (const ManifestEntry& tensor : groups.trained_tensors()) names.push_back(tensor.name);
  EXPECT_EQ(names.size(), 2 * (2 + 4) + 2);
  EXPECT_EQ(SafeTensors(path).tensors().size(), names.size());
  const Column<double> expected = with_trained_of(other);
  load_parameters(path, theta, groups);
  EXPECT_TRUE(same_bits(theta.flat(), expected));
}

TEST_F(GroupFiles, AreReadStrictly) {
  save_parameters(path, theta, groups);
  const Column<double> before = theta.flat();
  EXPECT_THROW(load_parameters(path, theta), SafeTensorsError);
  ParameterGroups more = groups, fewer = groups;
  more.rate("*linear1*", 1);
  fewer.freeze("norm.bias");
  EXPECT_THROW(load_parameters(path, theta, more), SafeTensorsError);
  EXPECT_THROW(load_parameters(path, theta, fewer), SafeTensorsError);
  EXPECT_TRUE(same_bits(theta.flat(), before));
}

TEST_F(GroupFiles, ACheckpointHoldsWhatIsTrained) {
  auto other = grouped_theta(2);
  Checkpoint().add("", other, groups).save(path);
  const Column<double> expected = with_trained_of(other);
  Checkpoint().add("", theta, groups).load(path);
  EXPECT_TRUE(same_bits(theta.flat(), expected));
  EXPECT_THROW(Checkpoint().add("", theta).load(path), SafeTensorsError);
}

TEST(ParameterGroups, ErrorsAreSentencesBeforeAnythingChanges) {
  Parameters theta(grouped_model);
  ParameterGroups groups(theta);
  const auto before = groups.ranges();
  expect_sentence([&] { groups.freeze("*.nrom.*"); }, {"\"*.nrom.*\" chooses none"});
  expect_sentence([&] { groups.freeze([](const Part&) { return false; }); }, {"predicate chooses none"});
  expect_sentence([&] { groups.rate("*", -1); }, {"the rate's factor", "-1"});
  expect_sentence([&] { groups.decay("*", std::nan("")); }, {"the decay's factor", "nan"});
  EXPECT_EQ(groups.ranges(), before);
  const Parameters other(encoder(PreLN<double>(4), {.dim = 4, .heads = 2, .hidden = 7, .depth = 2}));
  const ParameterGroups others(other);
  expect_sentence([&] { Checkpoint().add("", theta, others); }, {"another shape"});
  expect_sentence([&] { save_parameters("none", theta, others); }, {"another shape"});
  expect_sentence([&] { clip_by_global_norm(theta.flat(), 1, others); }, {"parameter groups"});
  EXPECT_THROW(AdamW<double>(groups, {.weight_decay = -1}), std::invalid_argument);
  EXPECT_THROW(Sgd<double>(groups, {.momentum = 1}), std::invalid_argument);
}

}  // namespace
