// What happens at the edges: queries that see nothing, empty memories, no tokens at all.
// group: stack_laws
// labels: long
#include <gtest/gtest.h>

#include "support/every_scalar.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

/// Keeps what the sub-layers of one slot gave.
template <class S>
struct Onlooker : Observer<S> {
  explicit Onlooker(Index slot_to_watch) : slot(slot_to_watch) {}
  void branch(Site site, In<S>, In<S> fx) override {
    if (site.slot == slot) last = fx;
  }
  Index slot;
  Tokens<S> last;
};

template <class W>
class Edge : public testing::Test {};
TYPED_TEST_SUITE(Edge, EveryScalar);

/// out_proj of the last block as `problem` has it.
template <class P>
auto last_bias(const P& problem, const std::string& attention) {
  return tensor(problem.theta,
                "layers." + std::to_string(problem.model.depth - 1) + "." + attention + ".out_proj.bias");
}

TYPED_TEST(Edge, AQueryThatSeesNoKeyGetsTheOutputBias) {
  using S = TypeParam;
  for_every_encoder<S>({.dim = 12, .heads = 3, .lengths = {70, 4}}, [](auto& problem) {
    problem.attn_mask = Tokens<S>::Zero(70, 70);
    for (const Index blind : {0, 3, 65}) problem.attn_mask.row(blind).setConstant(-std::numeric_limits<S>::infinity());
    problem.batch = problem.batch.hiding(std::vector<std::uint8_t>{[] {
      std::vector<std::uint8_t> h(74);
      h[70] = h[71] = h[72] = h[73] = 1;
      return h;
    }()});
    Onlooker<S> attention(0);
    auto tape = problem.tape();
    tape.observe(&attention);
    const auto result = problem.run(tape);
    for (const Index blind : {0, 3, 65, 70, 71, 72, 73}) {
      EXPECT_TRUE(equal(attention.last.row(blind), last_bias(problem, "self_attn").transpose())) << "row " << blind;
    }
    EXPECT_FALSE(equal(attention.last.row(1), last_bias(problem, "self_attn").transpose()));
    EXPECT_TRUE(result.gradient.flat().array().isFinite().all());
    EXPECT_TRUE(result.dx.array().isFinite().all());
  });
}

/// When nobody sees anything, nothing flows back through the projections of queries, keys and values.
TYPED_TEST(Edge, BlindQueriesPassNoGradient) {
  for_every_encoder<TypeParam>({.dim = 12, .heads = 3, .lengths = {70, 4}}, [](auto& problem) {
    problem.batch = problem.batch.hiding(std::vector<std::uint8_t>(74, 1));
    auto result = problem.run();
    for (const char* name : {"layers.0.self_attn.in_proj_weight", "layers.1.self_attn.in_proj_bias"}) {
      EXPECT_TRUE((tensor(result.gradient, name).array() == 0).all()) << name;
    }
    EXPECT_TRUE(result.dx.array().isFinite().all());
    EXPECT_GT(tensor(result.gradient, "layers.0.self_attn.out_proj.bias").norm(), 0);
  });
}

TYPED_TEST(Edge, AnEmptyMemoryGivesTheOutputBias) {
  using S = TypeParam;
  for (const std::vector<Index>& memory : {std::vector<Index>{0, 5}, {0, 0}}) {
    for_every_decoder<S>({.lengths = {5, 3}, .memory_lengths = memory}, [](auto& problem) {
      Onlooker<S> attention(1);
      auto tape = problem.tape();
      tape.observe(&attention);
      const auto result = problem.run(tape);
      const Tokens<S> expected = last_bias(problem, "multihead_attn").transpose().replicate(5, 1);
      EXPECT_TRUE(equal(attention.last.topRows(5), expected));
      EXPECT_TRUE(result.gradient.flat().array().isFinite().all());
      EXPECT_TRUE(result.dx.array().isFinite().all());
    });
  }
}

TYPED_TEST(Edge, NothingInNothingOut) {
  for (const std::vector<Index>& lengths : {std::vector<Index>{}, {0}, {0, 0, 0}}) {
    const Wanted wanted{.lengths = lengths, .memory_lengths = lengths};
    for_every_stack<TypeParam>(wanted, [](auto& problem) {
      auto tape = problem.tape();
      const auto result = problem.run(tape);
      EXPECT_EQ(result.y.rows(), 0);
      EXPECT_EQ(result.y.cols(), 8);
      EXPECT_TRUE((result.gradient.flat().array() == 0).all());
    });
  }
}

/// A sequence without tokens may have a memory: it gets no gradient.
TYPED_TEST(Edge, EmptySequencesAreNotThere) {
  for (const auto& scheme : every_scheme<TypeParam>()) {
    SCOPED_TRACE(scheme.name);
    const auto problem = [&](const std::vector<Index>& lengths, const std::vector<Index>& memory_lengths) {
      return decoder_problem({.lengths = lengths, .memory_lengths = memory_lengths}, scheme.plain(8));
    };
    expect_same_bits(problem({0, 4, 0, 3, 0}, {0, 2, 0, 6, 0}).run(), problem({4, 3}, {2, 6}).run());
    const auto unread = problem({0, 3}, {4, 2}).run();
    EXPECT_TRUE((unread.dmemory.topRows(4).array() == 0).all());
    EXPECT_GT(unread.dmemory.bottomRows(2).norm(), 0);
  }
}

TYPED_TEST(Edge, NoBlocks) {
  for_every_stack<TypeParam>({.depth = 0}, [](auto& problem) {
    const auto result = problem.run();
    EXPECT_TRUE(result.y.array().isFinite().all());
    EXPECT_GT(result.dx.norm(), 0);
  });
}

/// Logits of thousands, as in a stack that has lost its scale.
TYPED_TEST(Edge, LogitsOfThousands) {
  for_every_stack<TypeParam>({.lengths = {70, 3}, .memory_lengths = {66, 2}}, [](auto& problem) {
    for (const auto& entry : problem.theta.manifest()) {
      if (entry.name.ends_with("in_proj_weight")) problem.theta.flat().segment(entry.offset, entry.size()) *= 100;
    }
    const auto result = problem.run();
    EXPECT_TRUE(result.y.array().isFinite().all());
    EXPECT_TRUE(result.gradient.flat().array().isFinite().all());
  });
}

}  // namespace
