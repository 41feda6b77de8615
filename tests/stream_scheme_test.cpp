// Schemes of several streams and schemes that read their history: where they are other schemes, and what is refused.
// group: schemes
#include <gtest/gtest.h>

#include <functional>

#include "residual/layers/named.hpp"
#include "residual/train/initialise.hpp"
#include "residual/wiring/attention_residuals.hpp"
#include "residual/wiring/dense_former.hpp"
#include "residual/wiring/dlcl_post.hpp"
#include "residual/wiring/dlcl_pre.hpp"
#include "residual/wiring/hyper_connections.hpp"
#include "residual/wiring/macaron_pre_ln.hpp"
#include "residual/wiring/manifold_hyper_connections.hpp"
#include "support/every_scalar.hpp"
#include "support/expect_sentence.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

template <class S>
class StreamSchemes : public testing::Test {};
TYPED_TEST_SUITE(StreamSchemes, EveryScalar);

const Wanted three_blocks{.dim = 12, .heads = 3, .hidden = 20, .depth = 3, .lengths = {7, 4}, .memory_lengths = {3, 6}};

template <class S>
auto encoder_of(const AnyScheme<S>& scheme) {
  return encoder_problem(three_blocks, scheme);
}
template <class S>
auto decoder_of(const AnyScheme<S>& scheme) {
  return decoder_problem(three_blocks, scheme);
}

/// A name in one model, for a name in another.
using Rename = std::function<std::string(std::string)>;
std::string same_name(std::string name) { return name; }
std::string replaced(std::string name, const std::string& from, const std::string& to) {
  const auto at = name.find(from);
  return at == name.npos ? name : name.replace(at, from.size(), to);
}

/// Every tensor of `from`, in the one of that name in `to`.
template <class P, class Q>
void copy_tensors(const P& from, Q& to, const Rename& rename = same_name) {
  for (const auto& entry : from.manifest()) {
    tensor(to, rename(entry.name)) = from.flat().segment(entry.offset, entry.size());
  }
}
/// The second problem is the first but for the parameters that only it has.
template <class P, class Q>
void copy_problem(const P& from, Q& to, const Rename& rename = same_name) {
  to.x = from.x;
  to.memory = from.memory;
  to.dy = from.dy;
  copy_tensors(from.theta, to.theta, rename);
}
/// The gradient of what both models have.
template <class P, class Q>
auto shared_gradient(const P& of, Q& other, const Rename& rename = same_name) {
  P shared = of;
  for (const auto& entry : of.manifest()) {
    shared.flat().segment(entry.offset, entry.size()) = tensor(other, rename(entry.name));
  }
  return shared;
}

/// Both compute the same, to `tolerance`; with 0 without any difference.
template <class P, class Q>
void expect_same(const P& expected, const Q& problem, double tolerance, const Rename& rename = same_name) {
  const auto a = expected.run();
  auto b = problem.run();
  EXPECT_TRUE(near(b.y, a.y, tolerance));
  EXPECT_TRUE(near(b.dx, a.dx, tolerance));
  EXPECT_TRUE(near(b.dmemory, a.dmemory, tolerance));
  EXPECT_TRUE(near(shared_gradient(a.gradient, b.gradient, rename).flat(), a.gradient.flat(), tolerance));
}

/// A scheme that begins as Pre-LN computes what Pre-LN does, in encoder and decoder: y without any difference.
template <class S, class W>
void expect_starts_as_pre_ln(const W& scheme, double tolerance, S factor = S(1)) {
  const auto check = [&](const auto& pre, auto problem) {
    initialise(problem.theta, 1);
    copy_problem(pre, problem);
    EXPECT_TRUE(equal(problem.run().y, pre.run().y));
    expect_same(pre, problem, tolerance);
  };
  W own = scheme;
  own.last.epsilon *= factor;
  const PreLN<S> pre(three_blocks.dim);
  check(encoder_of<S>(pre), encoder_of<S>(own));
  check(decoder_of<S>(pre), decoder_of<S>(own));
}

/// y is the norm of n equal streams' sum: n^2 in epsilon makes it that of one, and changes no bit where n is 2^k.
TYPED_TEST(StreamSchemes, HyperConnectionsStartAsPreLN) {
  using S = TypeParam;
  for (const Index n : {1, 2, 4}) {
    SCOPED_TRACE(n);
    expect_starts_as_pre_ln<S>(HyperConnections<S>(three_blocks.dim, n), rounding<S>, S(n * n));
    expect_starts_as_pre_ln<S>(DynamicHyperConnections<S>(three_blocks.dim, n), rounding<S>, S(n * n));
  }
}

TYPED_TEST(StreamSchemes, DenseFormerStartsAsPreLN) {
  expect_starts_as_pre_ln<TypeParam>(DenseFormer<TypeParam>(three_blocks.dim), 0);
}

/// Sources whose weights are all the same: h is the sum of all outputs, which is Pre-LN's stream, up to a factor that the norms do
/// not see without epsilon.
TYPED_TEST(StreamSchemes, AttentionResidualsWithoutQueriesArePreLN) {
  using S = TypeParam;
  const LayerNorm<S> norm(three_blocks.dim, S(1e-20));
  const auto check = [&](const auto& pre, auto problem) {
    for (const auto& entry : problem.theta.manifest()) {
      if (entry.name.ends_with("query")) tensor(problem.theta, entry.name).setZero();
    }
    copy_problem(pre, problem);
    expect_same(pre, problem, 4 * rounding<S>);
  };
  const AnyScheme<S> pre = PreLN<S>(norm, norm);
  check(encoder_of(pre), encoder_of<S>(AttentionResiduals<S>(norm, norm)));
  check(decoder_of(pre), decoder_of<S>(AttentionResiduals<S>(norm, norm)));
  for (const Index group : {1, 2, 5}) {
    SCOPED_TRACE(group);
    check(encoder_of(pre), encoder_of<S>(BlockAttentionResiduals<S>(norm, norm, group)));
    check(decoder_of(pre), decoder_of<S>(BlockAttentionResiduals<S>(norm, norm, group)));
  }
}

/// Groups that no sub-layer begins but the first: all outputs are one source.
TYPED_TEST(StreamSchemes, ALargerGroupThanTheStackIsOneSource) {
  using S = TypeParam;
  const auto one = encoder_of<S>(BlockAttentionResiduals<S>(three_blocks.dim, three_blocks.depth));
  auto more = encoder_of<S>(BlockAttentionResiduals<S>(three_blocks.dim, 100));
  copy_problem(one, more);
  expect_same(one, more, rounding<S>);
}

/// Sets every bias of M's logits so that M is I without any difference.
template <class P>
void make_mixing_the_identity(P& problem) {
  for (const auto& entry : problem.theta.manifest()) {
    if (!entry.name.ends_with(".b_res")) continue;
    auto bias = tensor(problem.theta, entry.name);
    bias.setConstant(2000);
    for (Index i = 0; entry.rows > 1 && i < bias.size(); ++i) bias[i] = i % (entry.rows + 1) == 0 ? 2000 : 0;
  }
}
TYPED_TEST(StreamSchemes, ManifoldMixingsAtTheirLimitAreTheIdentity) {
  using S = TypeParam;
  const auto check = [&](const auto& identity, auto problem) {
    make_mixing_the_identity(problem);
    copy_problem(identity, problem);
    expect_same(identity, problem, 0);
  };
  const AnyScheme<S> identity = ManifoldHyperConnections<S, IdentityMixing>(three_blocks.dim, 4);
  check(encoder_of(identity), encoder_of<S>(ManifoldHyperConnections<S, KroneckerMixing>(three_blocks.dim, 4)));
  check(decoder_of(identity), decoder_of<S>(ManifoldHyperConnections<S, KroneckerMixing>(three_blocks.dim, 4)));
  check(encoder_of(identity), encoder_of<S>(ManifoldHyperConnections<S, SinkhornMixing>(three_blocks.dim, 4)));
  check(decoder_of(identity), decoder_of<S>(ManifoldHyperConnections<S, SinkhornMixing>(three_blocks.dim, 4)));
}

/// Half steps that are whole, and no norm behind a block.
TYPED_TEST(StreamSchemes, MacaronWithWholeStepsIsPreLN) {
  using S = TypeParam;
  const LayerNorm<S> norm(three_blocks.dim);
  const MacaronPreLN<S> macaron(norm, norm, S(1));
  const auto check = [](const auto& pre, auto problem) {
    copy_problem(pre, problem);
    expect_same_bits(pre.run(), problem.run());
  };
  check(encoder_of<S>(PreLN<S>(norm, norm)), encoder_of<S>(macaron));
  check(decoder_of<S>(PreLN<S>(norm, norm)), decoder_of<S>(macaron));
}
/// Blocks of three sub-layers, the first of which gives 0, are Pre-LN blocks of the other two.
TEST(Macaron, WithoutItsFirstFeedForwardAndWithWholeStepsIsPreLN) {
  using S = double;
  using Ffn1 = Named<"ffn1.", FeedForward<S>>;
  using Ffn2 = Named<"ffn2.", FeedForward<S>>;
  const LayerNorm<S> norm(three_blocks.dim);
  const auto pre = encoder_of<S>(PreLN<S>(norm, norm));
  const auto& [attention, ffn] = pre.model.sublayers;
  const AnyScheme<S> scheme = MacaronPreLN<S>(norm, norm, 1);
  const Stack<AnyScheme<S>, Ffn1, SelfAttention<S>, Ffn2> model{
      scheme, {Ffn1{ffn}, attention, Ffn2{ffn}}, three_blocks.depth};
  Problem macaron(model, pre.batch);
  for (const auto& entry : macaron.theta.manifest()) {
    if (entry.name.find("ffn1.linear2") != entry.name.npos) tensor(macaron.theta, entry.name).setZero();
  }
  const Rename rename = [](std::string name) {
    name = replaced(replaced(name, ".norm2.", ".norm3."), ".norm1.", ".norm2.");
    return replaced(replaced(name, ".linear1.", ".ffn2.linear1."), ".linear2.", ".ffn2.linear2.");
  };
  copy_problem(pre, macaron, rename);
  expect_same(pre, macaron, 0, rename);
}

/// Blocks that read the last entry of the history alone.
template <class P>
void make_history_one_hot(P& problem) {
  auto weight = tensor(problem.theta, "history.weight");
  const Index size = three_blocks.depth + 1;
  for (Index i = 0; i < weight.size(); ++i) weight[i] = i / size == i % size ? 1 : 0;
}
TYPED_TEST(StreamSchemes, DlclPreOfTheLastOutputAloneIsPreLNWithBlockNorms) {
  using S = TypeParam;
  using Norm = LayerNorm<S>;
  const Norm norm(three_blocks.dim);
  const auto check = [](const auto& blocks, auto problem) {
    make_history_one_hot(problem);
    const Rename rename = [](std::string name) {
      if (name.find("block_norm") == name.npos) return name;
      return replaced(replaced(name, "layers.", "history.layer_norms."), ".block_norm", "");
    };
    copy_problem(blocks, problem, rename);
    expect_same(blocks, problem, 0, rename);
  };
  const AnyScheme<S> blocks = MacaronPreLN<S, Norm, Norm, Norm>(norm, norm, S(1), norm);
  check(encoder_of(blocks), encoder_of<S>(DlclPre<S>(norm, norm, norm)));
  check(decoder_of(blocks), decoder_of<S>(DlclPre<S>(norm, norm, norm)));
}
/// A norm without gain behind another changes nothing but for its epsilon.
TYPED_TEST(StreamSchemes, DlclPostOfTheLastOutputAloneIsPostLN) {
  using S = TypeParam;
  const LayerNorm<S> norm(three_blocks.dim, S(1e-20), false);
  const auto check = [](const auto& post, auto problem) {
    make_history_one_hot(problem);
    copy_problem(post, problem);
    expect_same(post, problem, 2 * rounding<S>);
  };
  check(encoder_of<S>(PostLN<S>(norm)), encoder_of<S>(DlclPost<S>(norm, norm)));
  check(decoder_of<S>(PostLN<S>(norm)), decoder_of<S>(DlclPost<S>(norm, norm)));
}

TEST(StreamSchemesOptions, ThatCannotBeAreRefused) {
  const auto expect_refused = [](const AnyScheme<double>& scheme, const std::vector<std::string>& words) {
    expect_sentence([&] { encoder(scheme, three_blocks.sizes()); }, words);
  };
  using S = double;
  const Index d = three_blocks.dim;
  const LayerNorm<S> norm(d);
  expect_refused(HyperConnections<S>(d, 0), {"n is 0", "1 stream or more"});
  expect_refused(DynamicHyperConnections<S>(d, -1), {"n is -1", "1 stream or more"});
  expect_refused(ManifoldHyperConnections<S>(d, 0), {"n is 0", "1 stream or more"});
  expect_refused(ManifoldHyperConnections<S>(norm, norm, 2, {0}), {"iterations is 0", "1 or more"});
  for (const Index iterations : {Index(1) << 61, Index(1) << 62}) {  // which times a step's numbers would be 0
    expect_refused(ManifoldHyperConnections<S>(norm, norm, 2, {iterations}), {"no memory holds so many", "2 streams"});
  }
  expect_refused(ManifoldHyperConnections<S>(norm, norm, 2, {}, 0), {"epsilon is 0", "greater than 0"});
  // Backward has r^2 <= 1 / epsilon and r^3: were they not finite, a token of zeros would have NaN as its gradient.
  expect_refused(ManifoldHyperConnections<S>(norm, norm, 2, {}, 1e-310), {"epsilon is 1e-310", "2 / epsilon"});
  expect_refused(AttentionResiduals<S>(norm, norm, 1e-200), {"epsilon of the keys' norm is 1e-200", "1 / epsilon^2"});
  for (const Index n : {1, 3, 6}) {
    expect_refused(ManifoldHyperConnections<S, KroneckerMixing>(d, n), {"n is " + std::to_string(n), "power of 2"});
  }
  expect_refused(BlockAttentionResiduals<S>(d, 0), {"group has 0 blocks", "1 or more"});
  expect_refused(AttentionResiduals<S>(norm, norm, 0), {"epsilon of the keys' norm is 0", "greater than 0"});
  AttentionResiduals<S> other(norm, norm);
  other.norm.dim = other.last.dim = 8;
  expect_refused(other, {"keys are 12 wide", "the norms 8"});
}

}  // namespace
