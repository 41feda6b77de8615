// Algebra that ties schemes, parameters and inputs together.
// group: slow_laws
// labels: slow
#include <gtest/gtest.h>

#include "support/every_scalar.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

template <class S>
class Identities : public testing::Test {};
TYPED_TEST_SUITE(Identities, EveryScalar);

const Wanted wanted{
    .dim = 12, .heads = 3, .hidden = 20, .depth = 3, .lengths = {70, 4, 0}, .memory_lengths = {3, 66, 2}};

/// Everything of the second problem but what only one of the models has.
template <class P, class Q>
void copy_numbers(const P& from, Q& to) {
  to.x = from.x;
  to.memory = from.memory;
  to.dy = from.dy;
  const Index shared = std::min(from.theta.size(), to.theta.size());
  to.theta.flat().head(shared) = from.theta.flat().head(shared);
}

TYPED_TEST(Identities, ResiDualWithAZeroLastNormIsPostLN) {
  const auto check = [](const auto& post, auto dual) {
    copy_numbers(post, dual);
    dual.theta->wiring.last.gamma.setZero();
    dual.theta->wiring.last.beta.setZero();
    const auto a = post.run();
    const auto b = dual.run();
    EXPECT_TRUE(equal(a.y, b.y));
    EXPECT_TRUE(equal(a.dx, b.dx));
    EXPECT_TRUE(equal(a.dmemory, b.dmemory));
    EXPECT_TRUE(equal(a.gradient.flat(), b.gradient.flat().head(post.theta.size())));
    EXPECT_NE(b.gradient->wiring.last.gamma.norm(), 0) << "the zero norm has a gradient all the same";
  };
  using Post = PostLN<TypeParam>;
  using Dual = ResiDual<TypeParam>;
  check(encoder_problem<Post>(wanted), encoder_problem<Dual>(wanted));
  check(decoder_problem<Post>(wanted), decoder_problem<Dual>(wanted));
}

TYPED_TEST(Identities, PreLNWithoutBranchesIsTheIdentity) {
  using Pre = PreLN<TypeParam, LayerNorm<TypeParam>, Identity<TypeParam>>;
  for_encoder_and_decoder<Pre>(wanted, [](auto& problem) {
    for (const auto& entry : problem.theta.manifest()) {
      const bool last_map =
          entry.name.find("out_proj") != entry.name.npos || entry.name.find("linear2") != entry.name.npos;
      if (last_map) problem.theta.flat().segment(entry.offset, entry.size()).setZero();
    }
    const auto result = problem.run();
    EXPECT_TRUE(equal(result.y, problem.x));
    EXPECT_TRUE(equal(result.dx, problem.dy));
    EXPECT_EQ(result.dmemory.size() == 0 ? 0 : result.dmemory.norm(), 0);
  });
}

/// s and epsilon: the last norm sees s xd, so s = 2^k and epsilon 4^k change no bit.
TYPED_TEST(Identities, ResiDualsScaleIsSeenByEpsilonAlone) {
  using Dual = ResiDual<TypeParam>;
  const auto scheme = [](int k) {
    Dual w(wanted.dim);
    w.scale = TypeParam(std::ldexp(1, k));
    w.last.epsilon = TypeParam(std::ldexp(1e-4, 2 * k));
    w.alpha = TypeParam(0.7);
    return w;
  };
  const auto check = [](const auto& one, const auto& other) { expect_same_bits(one.run(), other.run()); };
  for (const int k : {-9, -1, 1, 6}) {
    SCOPED_TRACE(k);
    check(encoder_problem(wanted, scheme(0)), encoder_problem(wanted, scheme(k)));
    check(decoder_problem(wanted, scheme(0)), decoder_problem(wanted, scheme(k)));
  }
  auto unequal = scheme(-9);
  unequal.last.epsilon = TypeParam(1e-4);
  EXPECT_FALSE(same_bits(encoder_problem(wanted, unequal).run().y, encoder_problem(wanted, scheme(0)).run().y))
      << "with the same epsilon the scale is to be seen";
}

/// q . (k + c) moves all logits of a query by the same: softmax does not see it.
TYPED_TEST(Identities, AConstantOnTheKeyBiasChangesNothing) {
  for_encoder_and_decoder<PreLN<TypeParam>>(wanted, [](auto& problem) {
    auto moved = problem;
    const auto before = problem.run();
    const double scale = double(before.gradient.flat().cwiseAbs().maxCoeff());
    for (const auto& entry : problem.theta.manifest()) {
      if (!entry.name.ends_with("in_proj_bias")) continue;
      const Index begin = entry.offset + problem.model.dim();
      moved.theta.flat().segment(begin, problem.model.dim()).array() += TypeParam(0.5);
      const double most = double(before.gradient.flat().segment(begin, problem.model.dim()).cwiseAbs().maxCoeff());
      EXPECT_LE(most, rounding<TypeParam> * scale) << entry.name;
    }
    const auto after = moved.run();
    EXPECT_TRUE(near(after.y, before.y, rounding<TypeParam>));
    EXPECT_TRUE(near(after.dx, before.dx, rounding<TypeParam>));
  });
}

/// Every entry of the additive mask the same: nothing happens.
TYPED_TEST(Identities, AConstantMaskChangesNothing) {
  for_encoder_and_decoder<ResiDual<TypeParam>>(wanted, [](auto& problem) {
    const auto before = problem.run();
    problem.attn_mask = Tokens<TypeParam>::Constant(70, 70, TypeParam(-3));
    if (problem.memory.size() > 0) problem.memory_mask = Tokens<TypeParam>::Constant(70, 66, TypeParam(2));
    const auto after = problem.run();
    EXPECT_TRUE(near(after.y, before.y, rounding<TypeParam>));
    EXPECT_TRUE(near(after.dx, before.dx, rounding<TypeParam>));
    EXPECT_TRUE(near(after.gradient.flat(), before.gradient.flat(), rounding<TypeParam>));
  });
}

/// A lower triangle of zeros in the additive mask is the option `causal`.
TYPED_TEST(Identities, CausalIsATriangularMask) {
  Wanted causal = wanted;
  causal.causal = true;
  const auto check = [](auto masked, const auto& expected) {
    masked.attn_mask = Tokens<TypeParam>::Zero(70, 70);
    masked.attn_mask.template triangularView<Eigen::StrictlyUpper>().setConstant(
        -std::numeric_limits<TypeParam>::infinity());
    const auto a = masked.run(), b = expected.run();
    EXPECT_TRUE(near(a.y, b.y, rounding<TypeParam>));
    EXPECT_TRUE(near(a.dx, b.dx, rounding<TypeParam>));
    EXPECT_TRUE(near(a.gradient.flat(), b.gradient.flat(), rounding<TypeParam>));
  };
  using Dual = ResiDual<TypeParam>;
  check(encoder_problem<Dual>(wanted), encoder_problem<Dual>(causal));
  check(decoder_problem<Dual>(wanted), decoder_problem<Dual>(causal));
}

}  // namespace
