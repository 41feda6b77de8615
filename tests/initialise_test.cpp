// The rules' bounds, means and variances, which numbers depend on what, and gains.
#include "residual/train/initialise.hpp"

#include <gtest/gtest.h>

#include <map>

#include "residual/model/decoder.hpp"
#include "residual/train/gain.hpp"
#include "residual/wiring/post_ln.hpp"

namespace {

using namespace residual;

/// A model with something of each role; `gate` and `mixing` are what a scheme may own beside norms.
template <class S>
struct Everything {
  using Scalar = S;
  Encoder<PostLN<S>> stack;
  Index entries;
  bool operator==(const Everything&) const = default;
  struct Params {
    TokensView<S> table, mixing;
    RowView<S> gate;
    typename Encoder<PostLN<S>>::Params stack;
    typename Linear<S>::Params head;
    void carve(Carver<S>& c, const Everything& m) {
      c("embedding.weight", table, m.entries, m.stack.dim());
      c("gate", gate, 3);
      c("mixing", mixing, 2, 2);
      c("encoder.", stack, m.stack);
      c("head.", head, Linear<S>{m.stack.dim(), m.entries});
    }
  };
};

template <class S>
Everything<S> everything() {
  return {encoder(PostLN<S>(48), {.dim = 48, .heads = 4, .hidden = 96, .depth = 2}), 80};
}

/// The numbers of some columns of a tensor.
template <class M>
Tokens<double> tensor(const Parameters<M>& theta, const std::string& name, Index begin = 0, Index cols = 0) {
  for (const auto& entry : theta.manifest()) {
    if (entry.name != name) continue;
    const In<typename M::Scalar> all(theta.data() + entry.offset, entry.rows, entry.cols, entry.cols);
    return all.cols_from(begin, cols == 0 ? entry.cols : cols).template cast<double>();
  }
  ADD_FAILURE() << "no tensor " << name;
  return {};
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
void expect_usual_vectors(const Parameters<M>& theta) {
  expect_constant(tensor(theta, "gate"), 0);
  expect_constant(tensor(theta, "mixing"), 0);
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
  expect_usual_vectors(theta);
}

TYPED_TEST(Initialise, FairseqDrawsQueriesKeysAndValuesApart) {
  Parameters theta(everything<TypeParam>());
  initialise(theta, 2, Fairseq());
  const double slack = 1 + 1e-7;
  const std::string layer = "encoder.layers.1.";
  for (const Index group : {0, 1, 2}) {
    expect_uniform(tensor(theta, layer + "self_attn.in_proj_weight", 48 * group, 48),
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
  expect_usual_vectors(theta);
}

TYPED_TEST(Initialise, NormalHasOneDeviation) {
  Parameters theta(everything<TypeParam>());
  initialise(theta, 3, Normal());
  for (const char* name : {"embedding.weight", "encoder.layers.0.self_attn.in_proj_weight",
                           "encoder.layers.1.linear2.weight", "head.weight"}) {
    expect_normal(tensor(theta, name), 0.02);
  }
  expect_constant(tensor(theta, "head.bias"), 0);
  expect_usual_vectors(theta);
  initialise(theta, 3, Normal{0.5});
  expect_normal(tensor(theta, "head.weight"), 0.5);
}

TEST(Initialise, EveryScalarGetsTheSameNumbers) {
  Parameters exact(everything<long double>());
  Parameters wide(everything<double>());
  Parameters narrow(everything<float>());
  const auto fill = [](auto& theta) {
    initialise(
        theta, 4, [](const Part& part) { return part.role == Role::weight ? Xavier()(part) : Normal{0.1}(part); },
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

TEST(Initialise, ARuleOfYourOwnReachesEverything) {
  Parameters theta(everything<double>());
  initialise(theta, 8, [](const Part& part) {
    if (part.tensor.name == "gate") return Draw{Draw::constant, 0.25};
    return part.role == Role::gain ? Draw{Draw::constant, -2} : Draw{Draw::constant, double(part.fan_out)};
  });
  expect_constant(tensor(theta, "gate"), 0.25);
  expect_constant(tensor(theta, "encoder.layers.0.norm1.weight"), -2);
  expect_constant(tensor(theta, "encoder.layers.0.norm1.bias"), 0);
  expect_constant(tensor(theta, "encoder.layers.0.linear1.bias"), 96);
  expect_constant(tensor(theta, "encoder.layers.0.self_attn.in_proj_bias"), 144);
}

TEST(Initialise, GainsMultiplyTheNumbersOfTheRule) {
  const auto model = decoder(PostLN<double>(32), {.dim = 32, .heads = 2, .hidden = 64, .depth = 2});
  Parameters plain(model), scaled(model);
  initialise(plain, 9);
  initialise(scaled, 9, Xavier(), DeepNormGain{0.25});
  std::map<std::string, int> seen;
  for (const auto& entry : plain.manifest()) {
    const bool in_proj = entry.name.ends_with("in_proj_weight"), vector = entry.layout == Layout::vector;
    for (const Index group : {0, 1, 2}) {
      const Index begin = entry.cols * group / 3, cols = entry.cols * (group + 1) / 3 - begin;
      const double gain = vector || (in_proj && group < 2) ? 1 : 0.25;
      EXPECT_EQ(tensor(scaled, entry.name, begin, cols), gain * tensor(plain, entry.name, begin, cols)) << entry.name;
      ++seen[vector ? "vector" : in_proj ? "in_proj" : "matrix"];
    }
  }
  EXPECT_EQ(seen["in_proj"], 2 * 2 * 3);  // layers, attentions, groups
  EXPECT_EQ(seen["matrix"], 2 * 4 * 3);   // two out_proj and two linear a layer
  EXPECT_GT(seen["vector"], 0);
}

TEST(Initialise, RefusesWhatIsNotFinite) {
  Parameters theta(everything<double>());
  const Column<double> before = theta.flat();
  const auto gain = [](std::string_view name, Index group) {
    return name == "encoder.layers.1.self_attn.in_proj_weight" && group == 1 ? 1 / 0.0 : 1.0;
  };
  try {
    initialise(theta, 10, Xavier(), gain);
    FAIL() << "accepted an infinite gain";
  } catch (const std::invalid_argument& error) {
    const std::string sentence = error.what();
    EXPECT_NE(sentence.find("encoder.layers.1.self_attn.in_proj_weight (columns 48 to 95)"), std::string::npos)
        << sentence;
  }
  EXPECT_EQ(theta.flat(), before);
  EXPECT_THROW(initialise(theta, 10, Normal{std::nan("")}), std::invalid_argument);
  EXPECT_EQ(theta.flat(), before);
}

}  // namespace
