// Residual schemes that are others at special values of what they own.
// group: schemes
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "residual/wiring/admin.hpp"
#include "residual/wiring/deep_norm.hpp"
#include "residual/wiring/keel.hpp"
#include "residual/wiring/layer_norm_scaling.hpp"
#include "residual/wiring/layer_scale.hpp"
#include "residual/wiring/mix_ln.hpp"
#include "residual/wiring/parallel_block.hpp"
#include "residual/wiring/siamese_norm.hpp"
#include "residual/wiring/skip_init.hpp"
#include "residual/wiring/x0_injection.hpp"
#include "support/every_scalar.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

template <class S>
class SchemeEqualities : public testing::Test {};
TYPED_TEST_SUITE(SchemeEqualities, EveryScalar);

const Wanted stack{.dim = 12, .heads = 3, .hidden = 20, .depth = 3, .lengths = {7, 1}, .memory_lengths = {3, 6}};

/// What the second scheme calls a tensor of the first.
using Renaming = std::function<std::string(const std::string&)>;
const Renaming same_names = [](const std::string& name) { return name; };

template <class P>
bool has(const P& theta, const std::string& name) {
  const auto& all = theta.manifest();
  return std::any_of(all.begin(), all.end(), [&](const auto& entry) { return entry.name == name; });
}
/// Every tensor whose name has the part in it becomes `value`.
template <class P>
void fill(P& theta, const std::string& part, double value) {
  for (const auto& entry : theta.manifest()) {
    if (entry.name.find(part) == entry.name.npos) continue;
    theta.flat().segment(entry.offset, entry.size()).setConstant(typename P::Scalar(value));
  }
}

/// Both problems with the same numbers must give the same outputs; gradients within `tolerance`, 0: the same, too.
/// change(theta) sets what only one of them has.
template <class P>
void expect_equal(const P& one, P other, const std::function<void(decltype(other.theta)&)>& change,
                  const Renaming& renamed, double tolerance) {
  const auto agree = [&](const auto& a, const auto& b) { return tolerance == 0 ? equal(a, b) : near(a, b, tolerance); };
  P first = one;
  const auto each_shared = [&](auto&& visit) {
    for (const auto& entry : first.theta.manifest()) {
      if (has(other.theta, renamed(entry.name))) visit(entry.name, renamed(entry.name));
    }
  };
  change(first.theta);
  change(other.theta);
  each_shared([&](const auto& name, const auto& its) { tensor(other.theta, its) = tensor(first.theta, name); });
  const auto a = first.run(), b = other.run();
  EXPECT_TRUE(equal(a.y, b.y));
  EXPECT_TRUE(agree(a.dx, b.dx));
  EXPECT_TRUE(agree(a.dmemory, b.dmemory));
  each_shared([&](const auto& name, const auto& its) {
    EXPECT_TRUE(agree(tensor(a.gradient, name), tensor(b.gradient, its))) << name;
  });
}

template <class S>
struct Equality {
  AnyScheme<S> one, other;
  Renaming renamed = same_names;
  double tolerance = 0;

  template <class Change>
  void expect_after(const Wanted& wanted, const Change& change) const {
    {
      SCOPED_TRACE("encoder");
      expect_equal(encoder_problem(wanted, one), encoder_problem(wanted, other), change, renamed, tolerance);
    }
    SCOPED_TRACE("decoder");
    expect_equal(decoder_problem(wanted, one), decoder_problem(wanted, other), change, renamed, tolerance);
  }
  void expect(const Wanted& wanted = stack) const {
    expect_after(wanted, [](auto&) {});
  }
};

TYPED_TEST(SchemeEqualities, DeepNormOf1IsPostLN) {
  Equality<TypeParam>{PostLN<TypeParam>(12), DeepNorm<TypeParam>(12, 1)}.expect();
}
TYPED_TEST(SchemeEqualities, AdminOfOnesIsPostLN) {
  Equality<TypeParam>{PostLN<TypeParam>(12), Admin<TypeParam>(12)}.expect_after(
      stack, [](auto& theta) { fill(theta, "omega", 1); });
}
TYPED_TEST(SchemeEqualities, LayerScaleOfOnesIsPreLN) {
  Equality<TypeParam>{PreLN<TypeParam>(12), LayerScale<TypeParam>(12)}.expect_after(
      stack, [](auto& theta) { fill(theta, "scale", 1); });
}
TYPED_TEST(SchemeEqualities, MixLNIsPreLNOrPostLNAtItsEnds) {
  using Norm = LayerNorm<TypeParam>;
  Equality<TypeParam>{PreLN<TypeParam>(12), MixLN<TypeParam>(12, 0)}.expect();
  Equality<TypeParam>{PostLN<TypeParam, Norm, Norm>(12), MixLN<TypeParam>(12, 1)}.expect();
}
TYPED_TEST(SchemeEqualities, LayerNormScalingIsPreLNInTheFirstBlock) {
  Wanted one_block = stack;
  one_block.depth = 1;
  Equality<TypeParam>{PreLN<TypeParam>(12), LayerNormScaling<TypeParam>(12)}.expect(one_block);
}
TYPED_TEST(SchemeEqualities, X0InjectionOf1And0IsPreLN) {
  Equality<TypeParam>{PreLN<TypeParam>(12), X0Injection<TypeParam>(12)}.expect_after(stack, [](auto& theta) {
    fill(theta, "resid_lambda", 1);
    fill(theta, "x0_lambda", 0);
  });
}
TYPED_TEST(SchemeEqualities, SkipInitOfEqualGatesIsReZero) {
  const auto gates = [](auto& theta) { fill(theta, "gate", 0.75); };
  Equality<TypeParam>{ReZero<TypeParam>(12), SkipInit<TypeParam>(12)}.expect_after(stack, gates);
}
TYPED_TEST(SchemeEqualities, ReZeroBeginsAsTheIdentity) {
  auto problem = decoder_problem(stack, AnyScheme<TypeParam>(ReZero<TypeParam>(12)));
  fill(problem.theta, "gate", 0);
  const auto result = problem.run();
  EXPECT_TRUE(equal(result.y, problem.x));
  EXPECT_TRUE(equal(result.dx, problem.dy));
  EXPECT_NE(tensor(result.gradient, "layers.0.gate")[0], 0);
}
/// A sub-layer's gradient is added to another number first, so that gradients differ in rounding.
TYPED_TEST(SchemeEqualities, SiameseNormWhoseNormOfYIs0IsResiDual) {
  const LayerNorm<TypeParam> norm(12);
  const auto renamed = [](std::string name) {
    const auto place = name.find(".norm");
    return place == name.npos ? name : name.replace(place, 5, ".norm_x");
  };
  Equality<TypeParam>{ResiDual<TypeParam>(norm, norm), SiameseNorm<TypeParam>(12), renamed, rounding<TypeParam>}
      .expect_after(stack, [](auto& theta) { fill(theta, "norm_y", 0); });
}
/// The first sub-layer has no outer norm, and the second's shortcut is 1, as the last norm's.
TYPED_TEST(SchemeEqualities, KeelOfTwoSubLayersIsPreLN) {
  Wanted one_block = stack;
  one_block.depth = 1;
  const auto renamed = [](const std::string& name) {
    return name.starts_with("norm.") ? "layers.0.post_norm2." + name.substr(5) : name;
  };
  expect_equal(
      encoder_problem(one_block, AnyScheme<TypeParam>(PreLN<TypeParam>(12))),
      encoder_problem(one_block, AnyScheme<TypeParam>(Keel<TypeParam>(12))), [](auto&) {}, renamed, 0);
}
/// Without a feed-forward layer's output it does not matter what that layer reads.
TYPED_TEST(SchemeEqualities, ParallelBlockOfOneBranchIsPreLN) {
  auto pre = encoder_problem(stack, AnyScheme<TypeParam>(PreLN<TypeParam>(12)));
  auto parallel = encoder_problem(stack, AnyScheme<TypeParam>(ParallelBlock<TypeParam>(12)));
  fill(pre.theta, "linear2", 0);
  for (const auto& entry : parallel.theta.manifest()) {
    tensor(parallel.theta, entry.name) = tensor(pre.theta, entry.name);
  }
  const auto a = pre.run(), b = parallel.run();
  EXPECT_TRUE(equal(a.y, b.y));
  EXPECT_TRUE(equal(a.dx, b.dx));
}

}  // namespace
