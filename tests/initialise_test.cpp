// The rules' bounds, means and variances, which numbers depend on what, starts and gains.
// group: training
#include "residual/train/initialise.hpp"

#include <gtest/gtest.h>

#include <map>

#include "residual/model/decoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/train/gain.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/expect_sentence.hpp"

namespace {

using namespace residual;

/// A model with something of each role; `gate`, `mixing`, `routes` and `scales` are what a scheme may own beside norms.
template <class S>
struct Everything {
  using Scalar = S;
  Encoder<PostLN<S>> stack;
  Index entries;
  bool operator==(const Everything&) const = default;
  struct Params {
    TokensView<S> table, mixing, routes;
    RowView<S> gate;
    ColumnView<S> scales;
    typename Encoder<PostLN<S>>::Params stack;
    typename Linear<S>::Params head;
    void carve(Carver<S>& c, const Everything& m) {
      c.table("embedding.weight", table, m.entries, m.stack.dim());
      c("gate", gate, 3, starts::one_hot(2));
      c("mixing", mixing, 2, 3, starts::identity().decaying());
      c("routes", routes, 2, 3, starts::one_hot(1));
      c("scales", scales, 3, {[](Index, Index place, double step) { return step * double(place + 1); }, 0.25});
      c("encoder.", stack, m.stack);
      c("head.", head, Linear<S>{m.stack.dim(), m.entries});
    }
  };
};

template <class S>
Everything<S> everything() {
  return {encoder(PostLN<S>(48), {.dim = 48, .heads = 4, .hidden = 96, .depth = 2}), 80};
}

/// The numbers of a tensor, or of one of its parts.
template <class M>
Tokens<double> tensor(const Parameters<M>& theta, const std::string& name, std::string_view part = "") {
  return (part.empty() ? theta[name] : theta[name].part(part)).template cast<double>();
}

/// Within the bound, close to it, and with the mean and variance of a uniform distribution within five deviations.
void expect_uniform(const Tokens<double>& x, double bound) {
  const double n = double(x.size()), variance = bound * bound / 3;
  EXPECT_LE(x.cwiseAbs().maxCoeff(), bound);
  EXPECT_GT(x.cwiseAbs().maxCoeff(), bound * (1 - 12 / n));  // missed by one sample in 10^5
  EXPECT_NEAR(x.mean(), 0, 5 * std::sqrt(variance / n));
  EXPECT_NEAR(x.squaredNorm() / n, variance, 5 * variance * std::sqrt(0.8 / n));
}
void expect_normal(const Tokens<double>& x, double deviation) {
  const double n = double(x.size()), variance = deviation * deviation;
  EXPECT_NEAR(x.mean(), 0, 5 * deviation / std::sqrt(n));
  EXPECT_NEAR(x.squaredNorm() / n, variance, 5 * variance * std::sqrt(2 / n));
  EXPECT_GT(x.cwiseAbs().maxCoeff(), 2.5 * deviation);
}
void expect_constant(const Tokens<double>& x, double value) { EXPECT_TRUE((x.array() == value).all()) << x; }

template <class M>
void expect_starts(const Parameters<M>& theta) {
  EXPECT_EQ(tensor(theta, "gate"), (Row<double>(3) << 0, 0, 1).finished());
  EXPECT_EQ(tensor(theta, "mixing"), (Tokens<double>(2, 3) << 1, 0, 0, 0, 1, 0).finished());
  EXPECT_EQ(tensor(theta, "routes"), (Tokens<double>(2, 3) << 0, 1, 0, 0, 1, 0).finished());
  EXPECT_EQ(tensor(theta, "scales"), (Column<double>(3) << 0.25, 0.5, 0.75).finished());
  for (const std::string norm : {"encoder.layers.0.norm1.", "encoder.layers.1.norm2."}) {
    expect_constant(tensor(theta, norm + "weight"), 1);
    expect_constant(tensor(theta, norm + "bias"), 0);
  }
}

template <class S>
class Initialise : public testing::Test {};
using Scalars = testing::Types<float, double, long double>;
TYPED_TEST_SUITE(Initialise, Scalars, );

TYPED_TEST(Initialise, XavierIsTheDefault) {
  Parameters theta(everything<TypeParam>());
  theta.flat().setConstant(TypeParam(99));
  initialise(theta, 1);
  const double slack = 1 + 1e-7;  // a bound rounds too
  for (const std::string layer : {"encoder.layers.0.", "encoder.layers.1."}) {
    expect_uniform(tensor(theta, layer + "self_attn.in_proj_weight"), slack * std::sqrt(6.0 / (48 + 144)));
    expect_uniform(tensor(theta, layer + "self_attn.out_proj.weight"), slack * std::sqrt(6.0 / (48 + 48)));
    expect_uniform(tensor(theta, layer + "linear1.weight"), slack * std::sqrt(6.0 / (48 + 96)));
    expect_uniform(tensor(theta, layer + "linear2.weight"), slack * std::sqrt(6.0 / (48 + 96)));
    for (const char* bias : {"self_attn.in_proj_bias", "self_attn.out_proj.bias", "linear1.bias", "linear2.bias"}) {
      expect_constant(tensor(theta, layer + bias), 0);
    }
  }
  expect_normal(tensor(theta, "embedding.weight"), 1 / std::sqrt(48.0));
  expect_starts(theta);
}

TYPED_TEST(Initialise, FanInDrawsAsTorchsLayersDo) {
  Parameters theta(everything<TypeParam>());
  initialise(theta, 3, FanIn());
  const double slack = 1 + 1e-7;
  const std::string layer = "encoder.layers.1.";
  for (const char* map : {"self_attn.in_proj_weight", "self_attn.in_proj_bias", "self_attn.out_proj.weight",
                          "self_attn.out_proj.bias", "linear1.weight", "linear1.bias"}) {
    expect_uniform(tensor(theta, layer + map), slack / std::sqrt(48.0));
  }
  expect_uniform(tensor(theta, layer + "linear2.weight"), slack / std::sqrt(96.0));
  expect_normal(tensor(theta, "embedding.weight"), 1);
  expect_starts(theta);
}

TYPED_TEST(Initialise, FairseqDrawsQueriesKeysAndValuesApart) {
  Parameters theta(everything<TypeParam>());
  initialise(theta, 2, Fairseq());
  const double slack = 1 + 1e-7;
  const std::string layer = "encoder.layers.1.";
  for (const char* part : {"q", "k", "v"}) {
    expect_uniform(tensor(theta, layer + "self_attn.in_proj_weight", part),
                   slack * std::sqrt(6.0 / 96) / std::sqrt(2.0));
  }
  expect_uniform(tensor(theta, layer + "self_attn.in_proj_bias"), slack / std::sqrt(48.0));
  expect_uniform(tensor(theta, layer + "self_attn.out_proj.weight"), slack * std::sqrt(6.0 / 96));
  expect_constant(tensor(theta, layer + "self_attn.out_proj.bias"), 0);
  expect_uniform(tensor(theta, layer + "linear1.weight"), slack / std::sqrt(48.0));
  expect_uniform(tensor(theta, layer + "linear1.bias"), slack / std::sqrt(48.0));
  expect_uniform(tensor(theta, layer + "linear2.weight"), slack / std::sqrt(96.0));
  expect_uniform(tensor(theta, layer + "linear2.bias"), slack / std::sqrt(96.0));
  expect_uniform(tensor(theta, "head.bias"), slack / std::sqrt(48.0));
  expect_normal(tensor(theta, "embedding.weight"), 1 / std::sqrt(48.0));
  expect_starts(theta);
}

TYPED_TEST(Initialise, NormalHasOneDeviation) {
  Parameters theta(everything<TypeParam>());
  initialise(theta, 3, Normal());
  for (const char* name : {"embedding.weight", "encoder.layers.0.self_attn.in_proj_weight",
                           "encoder.layers.1.linear2.weight", "head.weight"}) {
    expect_normal(tensor(theta, name), 0.02);
  }
  expect_constant(tensor(theta, "head.bias"), 0);
  expect_starts(theta);
  initialise(theta, 3, Normal{0.5});
  expect_normal(tensor(theta, "head.weight"), 0.5);
}

TEST(Initialise, EveryScalarGetsTheSameNumbers) {
  Parameters exact(everything<long double>());
  Parameters wide(everything<double>());
  Parameters narrow(everything<float>());
  const auto fill = [](auto& theta) {
    initialise(
        theta, 4, [](const Part& part) { return part.role() == Role::weight ? Xavier()(part) : Normal{0.1}(part); },
        OutputGain{0.3});
  };
  fill(exact);
  fill(wide);
  fill(narrow);
  EXPECT_EQ(exact.flat().cast<double>(), Column<double>(wide.flat()));
  EXPECT_EQ(wide.flat().cast<float>(), Column<float>(narrow.flat()));
}

TEST(Initialise, ASeedGivesItsNumbersAgainAndOthersDiffer) {
  Parameters a(everything<double>()), b(a), c(a);
  initialise(a, 5);
  initialise(b, 5);
  initialise(c, 6);
  EXPECT_EQ(a.flat(), b.flat());
  EXPECT_NE(tensor(a, "head.weight"), tensor(c, "head.weight"));
  EXPECT_NE(tensor(a, "encoder.layers.0.linear1.weight"), tensor(a, "encoder.layers.1.linear1.weight"));
}

TEST(Initialise, ATensorDependsOnItsOwnRuleAlone) {
  Parameters a(everything<double>()), b(a);
  initialise(a, 7);
  initialise(b, 7, [](const Part& part) {
    return part.tensor.name == "embedding.weight" ? Draw{Draw::uniform, 9} : Xavier()(part);
  });
  expect_uniform(tensor(b, "embedding.weight"), 9);
  const Index table = 80 * 48;
  EXPECT_EQ(a.flat().tail(a.size() - table), b.flat().tail(a.size() - table));
}

TEST(Initialise, ARuleOfYourOwnReachesEveryPartOfMapsAndTables) {
  Parameters theta(everything<double>());
  initialise(theta, 8, [](const Part& part) {
    EXPECT_NE(part.role(), Role::own) << part.tensor.name;
    if (part.name == "k") return Draw{Draw::constant, -2};
    if (part.projection == Projection::down) return Draw{Draw::constant, double(part.fan_in)};
    return Draw{Draw::constant, part.role() == Role::bias ? double(part.fan_out) : double(part.whole_fan_out)};
  });
  const std::string layer = "encoder.layers.0.";
  for (const std::string tail : {"weight", "bias"}) {
    expect_constant(tensor(theta, layer + "self_attn.in_proj_" + tail, "q"), tail == "bias" ? 48 : 144);
    expect_constant(tensor(theta, layer + "self_attn.in_proj_" + tail, "k"), -2);
    expect_constant(tensor(theta, layer + "linear1." + tail), 96);
    expect_constant(tensor(theta, layer + "linear2." + tail), 96);
  }
  expect_constant(tensor(theta, "embedding.weight"), 0);
  expect_starts(theta);
}

/// Fairseq's bound of one part does not depend on how wide the others are; torch's takes the map as one matrix.
TEST(Initialise, PartsMayBeUnequal) {
  struct Grouped {
    using Scalar = double;
    bool operator==(const Grouped&) const = default;
    struct Params {
      typename Linear<double>::Params in_proj;
      void carve(Carver<double>& c, const Grouped&) {
        const std::initializer_list<TensorPart> qkv = {
            {"q", 120, Projection::query}, {"k", 40, Projection::key}, {"v", 40, Projection::value}};
        c("in_proj_", in_proj, Linear<double>{120, 200}, qkv);
      }
    };
  };
  Parameters theta{Grouped()};
  initialise(theta, 1);
  expect_uniform(tensor(theta, "in_proj_weight"), std::sqrt(6.0 / 320));
  initialise(theta, 1, Fairseq());
  expect_uniform(tensor(theta, "in_proj_weight", "q"), std::sqrt(3.0 / 240));
  expect_uniform(tensor(theta, "in_proj_weight", "k"), std::sqrt(3.0 / 160));
  initialise(theta, 1, Xavier(), [](const Part& part) { return part.name == "v" ? 0.0 : 1.0; });
  expect_constant(tensor(theta, "in_proj_weight", "v"), 0);
  EXPECT_GT(tensor(theta, "in_proj_weight", "k").cwiseAbs().minCoeff(), 0);
}

TEST(Initialise, GainsMultiplyTheNumbersOfTheRule) {
  const auto model = decoder(PostLN<double>(32), {.dim = 32, .heads = 2, .hidden = 64, .depth = 2});
  Parameters plain(model), scaled(model);
  initialise(plain, 9);
  initialise(scaled, 9, Xavier(), DeepNormGain{0.25});
  std::map<std::string, int> seen;
  for (const auto& entry : plain.manifest()) {
    const bool weight = entry.role == Role::weight;
    for (const auto& part : entry.parts) {
      const double gain = !weight || part.name == "q" || part.name == "k" ? 1 : 0.25;
      EXPECT_EQ(tensor(scaled, entry.name, part.name), gain * tensor(plain, entry.name, part.name)) << entry.name;
      ++seen[weight ? std::string(part.name) : "bias"];
    }
    if (entry.role == Role::own) {
      EXPECT_EQ(tensor(scaled, entry.name), tensor(plain, entry.name)) << entry.name;
    }
  }
  for (const char* part : {"q", "k", "v"}) EXPECT_EQ(seen[part], 2 * 2);  // layers, attentions
  EXPECT_EQ(seen[""], 2 * 4);                                             // two out_proj and two linear a layer
  EXPECT_GT(seen["bias"], 0);
}

/// Numbers of the first release: first, middle and last entry.
TEST(Initialise, DrawsTheNumbersItAlwaysDrew) {
  const Sizes sizes{.dim = 4, .heads = 2, .hidden = 6, .depth = 1};
  Parameters theta(language_model(PreLN<double>(4), sizes, Embedding<double>(5, 4, 3, Positions::learned)));
  const auto expect_numbers = [&](const std::string& name, const std::vector<double>& expected) {
    const auto numbers = theta[name];
    const double *first = numbers.data(), *last = first + numbers.size() - 1;
    EXPECT_EQ((std::vector{*first, first[numbers.size() / 2], *last}), expected) << name;
  };
  initialise(theta, 11);
  expect_numbers("embed_tokens.weight", {0x1.561e56a62d318p-5, -0x1.427a1fc2b814bp-2, -0x1.339afd87e4d71p-2});
  expect_numbers("embed_positions.weight", {-0x1.6f0a125944c6cp-1, -0x1.205fc2ac551d2p-1, -0x1.fbbdac9c512ecp-1});
  const std::string layer = "layers.0.", in_proj = layer + "self_attn.in_proj_";
  expect_numbers(in_proj + "weight", {0x1.4b054e3196b4dp-2, -0x1.3830df03db4aep-1, 0x1.0623ba0b17676p-2});
  expect_numbers(in_proj + "bias", {0, 0, 0});
  expect_numbers(layer + "linear2.weight", {0x1.1a978bca525e6p-1, 0x1.5eb59a7fa57b4p-1, 0x1.4c9202d958817p-2});
  expect_numbers("norm.weight", {1, 1, 1});

  initialise(theta, 11, Fairseq(), DeepNormGain{0.5});
  expect_numbers(in_proj + "weight", {0x1.4b054e3196b4dp-2, -0x1.3830df03db4aep-1, 0x1.0623ba0b17676p-3});
  expect_numbers(in_proj + "bias", {-0x1.3d9df85ab76ep-6, -0x1.8e085ccdb3b9cp-3, -0x1.e17aca4dfb988p-4});
  expect_numbers(layer + "self_attn.out_proj.weight",
                 {-0x1.c6f315d390c36p-6, -0x1.67c1745deb45ap-6, -0x1.b9b26a4af5fe6p-7});
  expect_numbers(layer + "linear1.weight", {-0x1.c0937eb7d923ap-3, -0x1.3f9f86d88f0dep-3, -0x1.c7547090afaaep-3});
  expect_numbers(layer + "linear1.bias", {-0x1.e7d442105087ap-2, 0x1.022d3e672af7cp-3, -0x1.7006345944deap-2});
}

TEST(Initialise, RefusesWhatIsNotFinite) {
  Parameters theta(everything<double>());
  const Column<double> before = theta.flat();
  const auto gain = [](const Part& part) {
    return part.tensor.name == "encoder.layers.1.self_attn.in_proj_weight" && part.name == "k" ? 1 / 0.0 : 1.0;
  };
  test_support::expect_sentence([&] { initialise(theta, 10, Xavier(), gain); },
                                {"encoder.layers.1.self_attn.in_proj_weight (columns 48 to 95)"});
  EXPECT_EQ(theta.flat(), before);
  EXPECT_THROW(initialise(theta, 10, Normal{std::nan("")}), std::invalid_argument);
  EXPECT_EQ(theta.flat(), before);
}

/// Sizes of which a number drawn may be more than the scalar holds.
TEST(Initialise, RefusesWhatTheScalarDoesNotHold) {
  const auto refused = [](auto scalar, const Draw& draw, double factor) {
    Parameters theta(everything<decltype(scalar)>());
    const auto before = theta.flat().eval();
    const std::string sentence = test_support::sentence_of([&] {
      initialise(
          theta, 10, [&](const Part&) { return draw; }, [&](const Part&) { return factor; });
    });
    EXPECT_TRUE(sentence.empty() || theta.flat() == before);
    return !sentence.empty();
  };
  EXPECT_TRUE(refused(float(), {Draw::constant, 1e39}, 1));
  EXPECT_TRUE(refused(float(), {Draw::uniform, 1e39}, 1));
  EXPECT_TRUE(refused(float(), {Draw::constant, 1e20}, 1e20));
  EXPECT_TRUE(refused(float(), {Draw::normal, 1e38}, 1));
  EXPECT_TRUE(refused(double(), {Draw::normal, 1e308}, 0.01));
  EXPECT_TRUE(refused(double(), {Draw::Kind(3), 1}, 1));
  EXPECT_FALSE(refused(float(), {Draw::constant, 1e39}, 1e-9));
  EXPECT_FALSE(refused(float(), {Draw::normal, 1e37}, 1));
  EXPECT_FALSE(refused(double(), {Draw::constant, 1e39}, 1));
}

/// A rule with a state draws what was checked.
TEST(Initialise, AsksItsRuleOnceAboutEachPart) {
  Parameters theta(everything<double>());
  Index parts = 0, asked = 0, gained = 0;
  for (const ManifestEntry& tensor : theta.manifest()) parts += Index(tensor.parts.size());
  initialise(
      theta, 10,
      [&](const Part&) {
        return Draw{Draw::constant, double(++asked)};
      },
      [&](const Part&) { return ++gained, 1.0; });
  EXPECT_EQ(asked, parts);
  EXPECT_EQ(gained, parts);
  EXPECT_EQ(theta.flat().maxCoeff(), double(parts));
}

/// Two tensors, the second of which begins with `value` in one entry.
template <class S>
struct Starting {
  using Scalar = S;
  double value;
  bool operator==(const Starting&) const = default;
  struct Params {
    RowView<S> ones, gate;
    void carve(Carver<S>& c, const Starting& m) {
      c("ones", ones, 2, starts::ones());
      c("gate", gate, 2, {[](Index, Index place, double start) { return place == 1 ? start : 0.0; }, m.value});
    }
  };
};
template <class S>
void expect_refused_start(double value, const std::string& words) {
  Parameters theta{Starting<S>{value}};
  test_support::expect_sentence([&] { initialise(theta, 1); }, {"entry 1 of gate would begin as " + words});
  EXPECT_TRUE((theta.flat().array() == 0).all());
}

TEST(Initialise, RefusesStartsThatAreNotFinite) {
  expect_refused_start<double>(1 / 0.0, "inf");
  expect_refused_start<float>(1 / 0.0, "inf");
  expect_refused_start<float>(1e39, "1e+39");
}

}  // namespace
