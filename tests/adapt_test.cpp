// Adapters as maps of parameters: they start as the base model, compute their formulas, and pull gradients back.
// group: training
#include <gtest/gtest.h>

#include "residual/adapt/low_rank.hpp"
#include "residual/adapt/scale_bias.hpp"
#include "residual/io/load_parameters.hpp"
#include "residual/io/save_parameters.hpp"
#include "residual/layers/cross_attention.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/self_attention.hpp"
#include "residual/model/chain.hpp"
#include "residual/model/stack.hpp"
#include "residual/numeric/gradient_check.hpp"
#include "residual/train/initialise.hpp"
#include "residual/wiring/pre_ln.hpp"

#include "support/expect_sentence.hpp"
#include "support/folder.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;
using test_support::random_tokens;
using test_support::same_bits;

template <class S>
using AdaptedStack = Stack<PreLN<S>, SelfAttention<S>, CrossAttention<S>, GatedFeedForward<S>>;

/// A decoder whose linear maps have biases or not; norms have them always.
template <class S>
AdaptedStack<S> adapted_stack(bool bias) {
  return {PreLN<S>(4),
          {SelfAttention<S>{.dim = 4, .heads = 2, .causal = true, .bias = bias, .kv_heads = 1},
           CrossAttention<S>{.dim = 4, .heads = 2, .bias = bias}, GatedFeedForward<S>{4, 5, Activation::silu, bias}},
          2};
}

/// y of the decoder for its parameters, and the gradient of <y, c>.
template <class S>
class Decoder2 {
 public:
  explicit Decoder2(bool bias) : model(adapted_stack<S>(bias)), tape_(model) {}

  Tokens<S> forward(const Parameters<AdaptedStack<S>>& theta) {
    return tape_.forward(model, theta, {batch_, x_, batch_, memory_});
  }
  S loss(const Parameters<AdaptedStack<S>>& theta) { return c_.cwiseProduct(forward(theta)).sum(); }
  Parameters<AdaptedStack<S>> gradient(const Parameters<AdaptedStack<S>>& theta) {
    Parameters<AdaptedStack<S>> gradient(model);
    forward(theta);
    tape_.backward(model, theta, c_, gradient, {});
    return gradient;
  }

  const AdaptedStack<S> model;

 private:
  Batch batch_ = Batch::of({3, 2});
  Tokens<S> x_ = random_tokens<double>(5, 4, 1).cast<S>(), memory_ = random_tokens<double>(5, 4, 2).cast<S>(),
            c_ = random_tokens<double>(5, 4, 3).cast<S>();
  Tape<AdaptedStack<S>> tape_;
};

/// Adapters by a name, each for maps that stand in an adapted model.
struct ScaleInputs {
  template <class S>
  static ScaleBias<S> make(AdaptedMaps maps) {
    return ScaleBias<S>(std::move(maps));
  }
};
struct ScaleOutputs {
  template <class S>
  static ScaleBias<S> make(AdaptedMaps maps) {
    return ScaleBias<S>(std::move(maps), Scaled::outputs);
  }
};
struct Lora {
  template <class S>
  static LowRank<S> make(AdaptedMaps maps) {
    return LowRank<S>(std::move(maps), {.rank = 2, .alpha = 3});
  }
};

template <class Kind>
class Adapt : public testing::Test {
 protected:
  /// In a base model with and without biases, and at some of the maps alone.
  template <class Visit>
  void each_case(Visit&& visit) {
    const Selection some = [](const Part& part) {
      return part.projection == Projection::key || part.projection == Projection::down;
    };
    for (const bool base_bias : {true, false}) {
      for (const Selection& where : {Selection(parts::weights), some}) {
        Decoder2<double> base(base_bias), adapted(true);
        Parameters theta(base.model), effective(adapted.model);
        test_support::randomise(theta, 1);
        const auto adapter = Kind::template make<double>(AdaptedMaps(theta, effective, where));
        Parameters phi(adapter);
        initialise(phi, 5, FanIn());
        visit(base, adapted, theta, effective, adapter, phi, where);
      }
    }
  }
};
using Kinds = testing::Types<ScaleInputs, ScaleOutputs, Lora>;
TYPED_TEST_SUITE(Adapt, Kinds, );

TYPED_TEST(Adapt, StartsAsTheBaseModel) {
  this->each_case([](auto& base, auto& adapted, const auto& theta, auto& effective, const auto& adapter,
                     const auto& phi, const Selection&) {
    effective.flat().setConstant(7);
    adapter.apply(theta, phi, effective);
    for (const ManifestEntry& tensor : theta.manifest()) {
      EXPECT_TRUE(same_bits(effective[tensor.name], theta[tensor.name])) << tensor.name;
    }
    EXPECT_TRUE(same_bits(adapted.forward(effective), base.forward(theta)));
  });
}

TYPED_TEST(Adapt, GradientsThroughAWholeModelAreThoseOfDifferences) {
  this->each_case([](auto& base, auto& adapted, const auto& theta, auto& effective, const auto& adapter, auto& phi,
                     const Selection& where) {
    test_support::randomise(phi.flat(), 9);
    adapter.apply(theta, phi, effective);
    const auto deffective = adapted.gradient(effective);
    Parameters dphi(adapter);
    Parameters dtheta(base.model);
    dphi.flat().setConstant(0.5), dtheta.flat().setConstant(0.25);  // pulls add
    adapter.pull(theta, phi, deffective, dphi);
    adapter.pull_base(phi, deffective, dtheta);
    dphi.flat().array() -= 0.5, dtheta.flat().array() -= 0.25;

    using Real = long double;
    Decoder2<Real> exact_base(base.model == adapted_stack<double>(true)), exact(true);
    Parameters exact_theta(exact_base.model), exact_effective(exact.model);
    const auto exact_adapter = TypeParam::template make<Real>(AdaptedMaps(exact_theta, exact_effective, where));
    Parameters exact_phi(exact_adapter);
    exact_theta.flat() = theta.flat().template cast<Real>();
    exact_phi.flat() = phi.flat().template cast<Real>();
    const auto loss = [&] {
      exact_adapter.apply(exact_theta, exact_phi, exact_effective);
      return exact.loss(exact_effective);
    };
    const auto of_phi = [&](const Column<Real>& numbers) {
      exact_phi.flat() = numbers;
      return loss();
    };
    const auto of_theta = [&](const Column<Real>& numbers) {
      exact_theta.flat() = numbers;
      return loss();
    };
    const GradientOptions<Real> options{.tolerance = 1e-11L};
    const Column<Real> phi_now = exact_phi.flat(), theta_now = exact_theta.flat();
    const auto phi_report = gradient_check(of_phi, phi_now, dphi.flat(), dphi.manifest(), options);
    EXPECT_TRUE(phi_report) << phi_report.message();
    exact_phi.flat() = phi_now;
    const auto theta_report = gradient_check(of_theta, theta_now, dtheta.flat(), dtheta.manifest(), options);
    EXPECT_TRUE(theta_report) << theta_report.message();
  });
}

/// A gradient made for groups gets nothing of the weights that they freeze.
TYPED_TEST(Adapt, LeavesOutTheBaseGradientOfFrozenWeights) {
  this->each_case([](auto& base, auto& adapted, const auto& theta, auto& effective, const auto& adapter, auto& phi,
                     const Selection&) {
    test_support::randomise(phi.flat(), 9);
    adapter.apply(theta, phi, effective);
    const auto deffective = adapted.gradient(effective);
    ParameterGroups groups(theta);
    groups.freeze(parts::all).rate(parts::own, 1).rate("layers.1.*", 1);
    Parameters all(base.model);
    Parameters some(base.model, groups);
    adapter.pull_base(phi, deffective, all);
    adapter.pull_base(phi, deffective, some);
    for (const ManifestEntry& tensor : theta.manifest()) {
      if (some.has_view(tensor.offset)) {
        EXPECT_TRUE(same_bits(some[tensor.name], all[tensor.name])) << tensor.name;
      } else {
        EXPECT_TRUE(some[tensor.name].isZero(0)) << tensor.name;
      }
    }
  });
}

TYPED_TEST(Adapt, MergedItIsTheAdaptedModel) {
  Decoder2<double> decoder(true);
  Parameters theta(decoder.model), effective(decoder.model);
  test_support::randomise(theta, 1);
  const auto adapter = TypeParam::template make<double>(AdaptedMaps(theta, "layers.1.*"));
  Parameters phi(adapter);
  test_support::randomise(phi.flat(), 9);
  adapter.apply(theta, phi, effective);
  EXPECT_GT((effective.flat() - theta.flat()).norm(), 0.1);
  adapter.apply(theta, phi, theta);
  EXPECT_TRUE(same_bits(theta.flat(), effective.flat()));
}

/// One linear map y = x W + b.
class OneMap : public testing::Test {
 protected:
  OneMap() : theta(model), effective(model) {
    test_support::randomise(theta.flat(), 1);
    W = theta["0.weight"];
    b = theta["0.bias"].row(0);
  }
  template <class Adapter>
  Tokens<double> adapted(const Adapter& adapter, Parameters<Adapter>& phi) {
    test_support::randomise(phi.flat(), 2);
    adapter.apply(theta, phi, effective);
    Tape tape(model);
    return forward(model, effective, tape, Batch::of({4}), x);
  }

  const Chain<Linear<double>> model = chain(Linear<double>{3, 2});
  Parameters<Chain<Linear<double>>> theta, effective;
  Tokens<double> W, x = random_tokens<double>(4, 3, 3);
  Row<double> b;
};

TEST_F(OneMap, ScaleBiasScalesInputs) {
  const ScaleBias<double> adapter{AdaptedMaps(theta)};
  Parameters phi(adapter);
  const Tokens<double> y = adapted(adapter, phi);
  const Row<double> s = phi["0.adapter_scale"].row(0), c = phi["0.adapter_bias"].row(0);
  const Tokens<double> expected = (x * s.asDiagonal() * W).rowwise() + (b + c);
  EXPECT_TRUE(test_support::near(y, expected, 1e-14));
}

TEST_F(OneMap, ScaleBiasScalesOutputs) {
  const ScaleBias<double> adapter(AdaptedMaps(theta), Scaled::outputs);
  expect_sentence([&] { ScaleBias<double>(AdaptedMaps(theta), Scaled(5)); }, {"ScaleBias: scaled is number 5"});
  Parameters phi(adapter);
  const Tokens<double> y = adapted(adapter, phi);
  const Row<double> s = phi["0.adapter_scale"].row(0), c = phi["0.adapter_bias"].row(0);
  const Tokens<double> expected = ((x * W).rowwise() + (b + c)) * s.asDiagonal();
  EXPECT_TRUE(test_support::near(y, expected, 1e-14));
}

TEST_F(OneMap, LowRankAddsAScaledProduct) {
  const LowRank<double> adapter(AdaptedMaps(theta), {.rank = 2, .alpha = 3});
  Parameters phi(adapter);
  const Tokens<double> y = adapted(adapter, phi);
  const Tokens<double> A = phi["0.lora_A.weight"], B = phi["0.lora_B.weight"];
  const Tokens<double> expected = (x * W + 1.5 * (x * A) * B.transpose()).rowwise() + b;
  EXPECT_TRUE(test_support::near(y, expected, 1e-14));
}

TEST_F(OneMap, LowRankKeepsTheBitsOfTheBaseAtFirst) {
  const LowRank<double> adapter(AdaptedMaps(theta), {.rank = 2});
  Parameters phi(adapter);
  initialise(phi, 1, FanIn());
  theta.flat().setConstant(-0.0);
  adapter.apply(theta, phi, effective);
  EXPECT_TRUE(same_bits(effective.flat(), theta.flat()));
}

std::vector<std::string> shapes_of(const Manifest& manifest) {
  std::vector<std::string> shapes;
  for (const ManifestEntry& tensor : manifest) {
    shapes.push_back(tensor.name + ' ' + std::to_string(tensor.rows) + 'x' + std::to_string(tensor.cols));
  }
  return shapes;
}

TEST(AdaptNames, ArePartByPart) {
  const auto model = adapted_stack<double>(true);
  const Parameters theta(model);
  const Selection where = [](const Part& part) {
    return part.tensor.name.starts_with("layers.0.self") || part.projection == Projection::gate;
  };
  const ScaleBias<double> scale_bias{AdaptedMaps(theta, where)};
  EXPECT_EQ(shapes_of(Parameters(scale_bias).manifest()),
            (std::vector<std::string>{
                "layers.0.self_attn.q_proj.adapter_scale 1x4", "layers.0.self_attn.q_proj.adapter_bias 1x4",
                "layers.0.self_attn.k_proj.adapter_scale 1x4", "layers.0.self_attn.k_proj.adapter_bias 1x2",
                "layers.0.self_attn.v_proj.adapter_scale 1x4", "layers.0.self_attn.v_proj.adapter_bias 1x2",
                "layers.0.self_attn.out_proj.adapter_scale 1x4", "layers.0.self_attn.out_proj.adapter_bias 1x4",
                "layers.0.gate_proj.adapter_scale 1x4", "layers.0.gate_proj.adapter_bias 1x5",
                "layers.1.gate_proj.adapter_scale 1x4", "layers.1.gate_proj.adapter_bias 1x5"}));
  const LowRank<double> low_rank(AdaptedMaps(theta, "layers.1.down_proj.*"), {.rank = 3});
  EXPECT_EQ(shapes_of(Parameters(low_rank).manifest()),
            (std::vector<std::string>{"layers.1.down_proj.lora_A.weight 5x3", "layers.1.down_proj.lora_B.weight 4x3"}));
  const Parameters without_bias(adapted_stack<double>(false));
  EXPECT_EQ(Parameters(ScaleBias<double>{AdaptedMaps(without_bias, "layers.1.down_proj.*")}).manifest().size(), 1);
}

TEST(AdaptNames, AFileHasPeftsShapes) {
  const Parameters theta(adapted_stack<double>(true));
  const LowRank<double> adapter(AdaptedMaps(theta, "layers.1.down_proj.*"), {.rank = 3});
  Parameters phi(adapter), again(adapter);
  test_support::randomise(phi.flat(), 1);
  const test_support::Folder folder;
  const auto path = folder.path / "adapter.safetensors";
  save_parameters(path, phi);
  const SafeTensors file(path);
  EXPECT_EQ(file.at("layers.1.down_proj.lora_A.weight").shape, (std::vector<std::int64_t>{3, 5}));
  EXPECT_EQ(file.at("layers.1.down_proj.lora_B.weight").shape, (std::vector<std::int64_t>{4, 3}));
  load_parameters(file, again);
  EXPECT_TRUE(same_bits(again.flat(), phi.flat()));
}

TEST(AdaptNames, AFileOfPeftIsReadBehindItsPrefix) {
  const std::vector<double> a{1, 2, 3, 4, 5}, b{6, 7, 8, 9};
  const std::string map = "base_model.model.layers.1.down_proj.";
  const std::vector<TensorEntry> entries{TensorEntry::of<double>(map + "lora_A.weight", {1, 5}, a),
                                         TensorEntry::of<double>(map + "lora_B.weight", {4, 1}, b)};
  const test_support::Folder folder;
  const auto path = folder.path / "peft.safetensors";
  write_safetensors(path, entries);
  const Parameters theta(adapted_stack<double>(true));
  const LowRank<double> adapter(AdaptedMaps(theta, "layers.1.down_proj.*"), {.rank = 1});
  Parameters phi(adapter);
  EXPECT_THROW(load_parameters(path, phi), SafeTensorsError);
  const NameMap peft{.prefix = "base_model.model."};
  load_parameters(path, phi, peft);
  EXPECT_EQ(phi["layers.1.down_proj.lora_A.weight"](4, 0), 5);
  EXPECT_EQ(phi["layers.1.down_proj.lora_B.weight"](3, 0), 9);
  save_parameters(path, phi, peft);
  EXPECT_EQ(SafeTensors(path).at(map + "lora_A.weight").shape, (std::vector<std::int64_t>{1, 5}));
}

TEST(AdaptErrors, AreSentencesBeforeAnythingChanges) {
  const auto model = adapted_stack<double>(true);
  Parameters theta(model), effective(model);
  theta.flat().setOnes();
  expect_sentence([&] { AdaptedMaps(theta, "*norm*"); }, {"\"*norm*\" chooses no weight"});
  const Parameters bare(adapted_stack<double>(false));
  expect_sentence([&] { AdaptedMaps(theta, bare); }, {"no tensor layers.0.self_attn.in_proj_bias"});
  Stack deeper = model;
  deeper.depth = 3;
  expect_sentence([&] { AdaptedMaps(theta, Parameters(deeper)); }, {"base model has no tensor", "layers.2"});
  Stack wider = model;
  std::get<2>(wider.sublayers).hidden = 6;
  expect_sentence([&] { AdaptedMaps(theta, Parameters(wider)); }, {"[4 x 5]", "[4 x 6]"});
  expect_sentence([&] { LowRank<double>(AdaptedMaps(theta), {.rank = 0}); }, {"rank is 0"});
  expect_sentence([&] { LowRank<float>(AdaptedMaps(theta), {.rank = 1, .alpha = 1e39}); },
                  {"alpha is 1e+39", "finite"});
  const LowRank<double> enormous(AdaptedMaps(theta), {.rank = Index(1) << 61});
  expect_sentence([&] { Parameters phi(enormous); }, {"lora_A.weight is [4 x 2305843009213693952]", "no memory holds"});

  const ScaleBias<double> adapter{AdaptedMaps(theta)}, other{AdaptedMaps(theta, "layers.0.*")};
  Parameters phi(adapter), others(other);
  expect_sentence([&] { adapter.apply(theta, others, effective); }, {"another adapter"});
  expect_sentence([&] { adapter.apply(bare, phi, effective); }, {"not of the base model"});
  Parameters short_effective(adapted_stack<double>(false));
  expect_sentence([&] { adapter.apply(theta, phi, short_effective); }, {"not of the adapted model"});
  expect_sentence([&] { adapter.pull(theta, phi, effective, others); }, {"another adapter"});
  expect_sentence([&] { adapter.pull_base(phi, effective, short_effective); }, {"not of the base model"});
  EXPECT_TRUE(effective.flat().isZero(0));
  EXPECT_TRUE(others.flat().isZero(0));
}

}  // namespace
