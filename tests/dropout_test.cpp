// Dropout draws from a counter: its masks depend on seed and place alone.
// group: stack_laws
// labels: long
#include "residual/layers/dropout.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "residual/kernel/threads.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "residual/model/token_encoder.hpp"
#include "residual/model/token_encoder_decoder.hpp"
#include "support/every_scalar.hpp"
#include "support/expect_sentence.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;
using Words = std::array<std::uint32_t, 4>;

/// Random123 1.14, tests/kat_vectors: philox4x32 10.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

/// What a Dropout keeps of ones: entry (i, j) is 0 or 1 / (1 - rate).
struct Place {
  std::uint64_t seed = 1, site = 0;
  Purpose purpose = Purpose::residual;
  std::uint32_t part = 0;
};
template <class S = double>
Tokens<S> mask(double rate, const Place& place = {}, Index rows = 200, Index cols = 203) {
  Workspace<S> workspace;
  const Batch batch;
  Pass<S> pass{.batch = batch, .workspace = workspace, .seed = place.seed, .site = place.site};
  const Dropout<S> drop(rate, pass, place.purpose, place.part);
  Tokens<S> m = Tokens<S>::Ones(rows, cols);
  for (Index i = 0; i < rows; ++i) drop(i, 0, cols, m.row(i).data());
  return m;
}

TEST(Dropout, KeepsOrScales) {
  for (const double rate : {0.1, 0.5, 0.9}) {
    const auto m = mask(rate);
    EXPECT_TRUE((m.array() == 0 || m.array() == 1 / (1 - rate)).all()) << rate;
  }
  EXPECT_TRUE(equal(mask(0), Tokens<double>::Ones(200, 203)));
}

/// The number of zeros is binomial: within five standard deviations, overall, in every row and in every column.
TEST(Dropout, RefusesARateThatRoundsTo1) {
  FeedForward<float> layer{8, 16};
  layer.dropout = 1 - 1e-7;
  layer.check();
  layer.dropout = 1 - 1e-10;
  expect_sentence([&] { layer.check(); }, {"activation_dropout is 1", "a float rounds it to 1"});
}

TEST(Dropout, DropsAtItsRate) {
  for (const double rate : {0.01, 0.1, 0.3, 0.5, 0.9}) {
    const auto zeros = (mask(rate).array() == 0).cast<double>().eval();
    const auto deviations = [&](double count, double n) {
      return std::abs(count - n * rate) / std::sqrt(n * rate * (1 - rate));
    };
    EXPECT_LT(deviations(zeros.sum(), double(zeros.size())), 5) << rate;
    if (rate < 0.05) continue;  // few a row: not normal
    const auto expect_binomial = [&](const auto& counts, Index n) {
      EXPECT_LT(deviations(counts.maxCoeff(), double(n)), 6) << rate;
      EXPECT_LT(deviations(counts.minCoeff(), double(n)), 6) << rate;
    };
    expect_binomial(zeros.rowwise().sum(), zeros.cols());
    expect_binomial(zeros.colwise().sum(), zeros.rows());
  }
}

/// Masks of different seeds, sub-layers, purposes and heads agree as often as independent ones.
TEST(Dropout, EveryPlaceDrawsItsOwn) {
  const std::vector<Place> places = {{},
                                     {.seed = 2},
                                     {.seed = std::uint64_t{1} << 32 | 1},
                                     {.site = 1},
                                     {.purpose = Purpose::activation},
                                     {.purpose = Purpose::attention},
                                     {.purpose = Purpose::attention, .part = 1}};
  for (std::size_t a = 0; a < places.size(); ++a) {
    for (std::size_t b = a + 1; b < places.size(); ++b) {
      const double same = (mask(0.5, places[a]).array() == mask(0.5, places[b]).array()).cast<double>().mean();
      EXPECT_NEAR(same, 0.5, 5 * 0.5 / std::sqrt(200.0 * 203.0)) << a << " and " << b;
    }
  }
  const auto m = mask(0.5);
  const double next = (m.topRows(199).array() == m.bottomRows(199).array()).cast<double>().mean();
  EXPECT_NEAR(next, 0.5, 5 * 0.5 / std::sqrt(199.0 * 203.0)) << "neighbouring rows";
}

/// A block drawn in pieces, from any column on, is the block drawn at once.
TEST(Dropout, PiecesMakeTheWhole) {
  Workspace<float> workspace;
  const Batch batch;
  const Pass<float> pass{.batch = batch, .workspace = workspace, .seed = 5, .site = 3};
  const Dropout<float> drop(0.4, pass, Purpose::activation);
  Row<float> whole = Row<float>::Ones(97), pieces = whole;
  drop(7, 0, 97, whole.data());
  for (Index begin = 0, size = 1; begin < 97; begin += size, size = size % 9 + 1) {
    drop(7, begin, std::min(size, 97 - begin), pieces.data() + begin);
  }
  EXPECT_TRUE(same_bits(pieces, whole));
}

template <class W>
class StackDropout : public testing::Test {};
TYPED_TEST_SUITE(StackDropout, EveryScalar);

const Wanted wanted{
    .dim = 64, .heads = 4, .hidden = 100, .lengths = {70, 40}, .memory_lengths = {50, 9}, .dropout = 0.3};

TYPED_TEST(StackDropout, WithoutASeedNothingIsDropped) {
  for_every_stack<TypeParam>(wanted, [](const auto& a) {
    auto model = a.model;
    model.dropout = 0;
    std::get<0>(model.sublayers).dropout = 0;
    std::get<std::tuple_size_v<decltype(model.sublayers)> - 1>(model.sublayers).dropout = 0;
    if constexpr (std::decay_t<decltype(model)>::reads_memory) std::get<1>(model.sublayers).dropout = 0;
    auto b = Problem(model, a.batch, a.memory_batch);
    b.theta.flat() = a.theta.flat();
    const auto x = a.run(), y = b.run();
    EXPECT_TRUE(same_bits(x.y, y.y));
    EXPECT_TRUE(same_bits(x.dx, y.dx));
    EXPECT_TRUE(same_bits(x.gradient.flat(), y.gradient.flat()));
    auto seeded = a;
    seeded.seed = 1;
    EXPECT_FALSE(same_bits(seeded.run().y, x.y)) << "with a seed something is dropped";
  });
}

TYPED_TEST(StackDropout, ASeedDecidesTheMasks) {
  const Threads three(3);
  for_every_stack<TypeParam>(wanted, [&](auto& problem) {
    problem.seed = 42;
    const auto first = problem.run();
    expect_same_bits(problem.run(), first);
    expect_same_bits(problem.run(three), first);
    problem.seed = 43;
    EXPECT_FALSE(same_bits(problem.run().y, first.y));
  });
}

/// f(x) is dropped before it enters the residual: the observer sees zeros at the rate, and others times 1 / (1 - rate).
TYPED_TEST(StackDropout, ActsOnTheBranch) {
  using S = TypeParam;
  struct Zeros : Observer<S> {
    void branch(Site, In<S>, In<S> fx) override {
      zeros += (fx.array() == S(0)).count();
      all += fx.size();
    }
    Index zeros = 0, all = 0;
  };
  for_every_encoder<TypeParam>(wanted, [](auto& problem) {
    Zeros seen;
    problem.seed = 9;
    auto tape = problem.tape();
    tape.observe(&seen);
    tape.forward(problem.model, problem.theta, problem.input());
    EXPECT_EQ(seen.all, 110 * 64 * 4);
    EXPECT_NEAR(double(seen.zeros) / double(seen.all), 0.3, 5 * std::sqrt(0.3 * 0.7 / double(seen.all)));
  });
}

/// Which entries of every sub-layer's output a pass dropped.
struct Dropped : Observer<double> {
  std::vector<std::vector<bool>> patterns;
  void branch(Site, In<double>, In<double> fx) override { add(fx); }

 protected:
  void add(In<double> x) {
    std::vector<bool> zeros;
    for (Index i = 0; i < x.rows(); ++i) {
      for (Index j = 0; j < x.cols(); ++j) zeros.push_back(x(i, j) == 0);
    }
    patterns.push_back(zeros);
  }
};
/// And of the embeddings, which a stack of PostLN reads as they are.
struct DroppedWithEmbeddings final : Dropped {
  void branch(Site k, In<double> x, In<double> fx) override {
    if (k.is_first()) add(x);
    add(fx);
  }
};

/// Over a whole model: no sub-layer of the encoder or of the decoder draws another one's mask.
TEST(Dropout, EverySublayerOfAModelDrawsItsOwn) {
  const Sizes sizes{.dim = 8, .heads = 2, .hidden = 16, .depth = 2, .dropout = 0.5};
  const auto model = encoder_decoder(encoder(PreLN<double>(8), sizes), decoder(PreLN<double>(8), sizes));
  Parameters theta(model);
  randomise(theta, 1);
  const Batch batch = Batch::of({6});
  const Tokens<double> x = random_tokens<double>(6, 8, 2);
  Tape tape(model);
  Dropped dropped;
  tape.observe(&dropped);
  forward(model, theta, tape, {.batch = batch, .x = x, .src_batch = batch, .src = x, .seed = 3});
  ASSERT_EQ(dropped.patterns.size(), 10u);  // 2 x 2 of the encoder, 2 x 3 of the decoder
  EXPECT_EQ(std::set(dropped.patterns.begin(), dropped.patterns.end()).size(), 10u);
}

/// Nor do embeddings, those of a translator's source and target among them.
TEST(Dropout, EveryEmbeddingOfAModelDrawsItsOwn) {
  const Sizes sizes{.dim = 8, .heads = 2, .hidden = 16, .depth = 2, .dropout = 0.5};
  Sizes causal = sizes;
  causal.causal = true;
  const PostLN<double> scheme(8);
  Embedding<double> embedding(6, 8, 6);
  embedding.dropout = 0.5;
  const std::vector<int> words{0, 1, 2, 3, 4, 5};
  const Batch batch = Batch::of({6});
  const auto expect_own = [&](const auto& model, const auto& input, std::size_t count) {
    Parameters theta(model);
    randomise(theta, 1);
    Tape tape(model);
    DroppedWithEmbeddings dropped;
    tape.observe(&dropped);
    tape.forward(model, theta, input);
    ASSERT_EQ(dropped.patterns.size(), count);
    EXPECT_EQ(std::set(dropped.patterns.begin(), dropped.patterns.end()).size(), count);
  };
  const TokenEncoder hidden(embedding, encoder(scheme, sizes));
  expect_own(hidden, typename decltype(hidden)::Input{.batch = batch, .tokens = words, .seed = 3}, 1 + 4);
  const auto translator = token_encoder_decoder(encoder_decoder(encoder(scheme, sizes), decoder(scheme, causal)),
                                                TokenEnds<double>{.target = embedding});
  using Input = typename std::decay_t<decltype(translator)>::Input;
  expect_own(translator, Input{.batch = batch, .tokens = words, .src_batch = batch, .src_tokens = words, .seed = 3},
             2 + 10);
}

}  // namespace
