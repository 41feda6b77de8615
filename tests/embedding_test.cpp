// Embeddings: where positions come from, token types, the norm, and what is refused.
// group: core
#include "residual/layers/embedding.hpp"

#include <gtest/gtest.h>

#include "residual/core/parameters.hpp"
#include "residual/model/language_model.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/expect_sentence.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;

/// The embedding of the words of a pass.
Tokens<double> embedded(const Embedding<double>& embedding, const Parameters<Embedding<double>>& theta,
                        const Words& words, const Pass<double>& pass) {
  const Batch& batch = pass.batch;
  Embedding<double>::Tape tape;
  Tokens<double> y(batch.tokens(), embedding.dim);
  embedding.check(batch, words, batch.longest());
  embedding.forward(*theta, tape, pass, words, y);
  return y;
}
/// That of one sequence.
Tokens<double> embedded(const Embedding<double>& embedding, const Parameters<Embedding<double>>& theta,
                        const Words& words) {
  const Batch batch = Batch::of({Index(words.tokens.size())});
  Workspace<double> workspace;
  return embedded(embedding, theta, words, {.batch = batch, .workspace = workspace, .keep = false});
}

TEST(Embeddings, HavePositionsInFairseqsOrderFromRow2) {
  const Embedding<double> embedding(3, 7, 4, Positions::fairseq);
  const Parameters theta(embedding);
  const auto y = embedded(embedding, theta, {std::vector<int>{0, 1}});
  const double rates[] = {1, 0.01, 0.0001};
  for (Index i = 0; i < 2; ++i) {
    for (Index j = 0; j < 3; ++j) {
      EXPECT_NEAR(y(i, j), std::sin(double(i + 2) * rates[j]), 1e-15);
      EXPECT_NEAR(y(i, 3 + j), std::cos(double(i + 2) * rates[j]), 1e-15);
    }
    EXPECT_EQ(y(i, 6), 0);
  }
  expect_sentence([] { Embedding<double>(3, 3, 4, Positions::fairseq); }, {"dim is 3", "4 or more"});
}

/// The largest error of a table of sinusoids in float, against angles in long double.
template <class Angle>
double worst_sinusoid(const Tokens<float>& table, Angle&& angle) {
  long double worst = 0;
  for (Index i = 0; i < table.rows(); i += 97) {
    for (Index j = 0; j < table.cols(); ++j) {
      const auto [rate, sine] = angle(j);
      const long double exact =
          sine ? std::sin(static_cast<long double>(i) * rate) : std::cos(static_cast<long double>(i) * rate);
      worst = std::max(worst, std::abs(table(i, j) - exact));
    }
  }
  return double(worst);
}

TEST(Embeddings, HaveSinusoidsOfLargePlacesToTheLastDigit) {
  const auto rate = [](Index exponent, Index of) {
    return std::pow(10000.0L, -static_cast<long double>(exponent) / of);
  };
  EXPECT_LT(
      worst_sinusoid(sinusoids<float>(131072, 64), [&](Index j) { return std::pair(rate(j - j % 2, 64), j % 2 == 0); }),
      1e-7);
  EXPECT_LT(worst_sinusoid(fairseq_sinusoids<float>(131072, 64),
                           [&](Index j) { return std::pair(rate(j % 32, 31), j < 32); }),
            1e-7);
}

TEST(Embeddings, LearnPositionsFromARowOfChoice) {
  const Embedding<double> embedding(3, 2, 4, Positions::learned, 2);
  Parameters theta(embedding);
  EXPECT_EQ(theta["embed_positions.weight"].rows(), 6);
  theta["embed_positions.weight"].row(3) << 5, 7;
  const auto y = embedded(embedding, theta, {std::vector<int>{0, 1}});
  EXPECT_EQ(y(1, 0), 5);
  EXPECT_EQ(y(1, 1), 7);
  EXPECT_EQ(y(0, 0), 0);
}

TEST(Embeddings, PullAtThePositionsThatWereRead) {
  const Embedding<double> embedding(3, 2, 4, Positions::learned, 2);
  const Parameters theta(embedding);
  Parameters gradient(embedding);
  const Batch batch = Batch::of({2});
  Workspace<double> workspace;
  const Pass<double> pass{.batch = batch, .workspace = workspace};
  const Tokens<double> dy{{1, 2}, {3, 4}};
  embedding.backward(*theta, {}, pass, {std::vector<int>{0, 1}}, dy, *gradient);
  EXPECT_EQ(gradient["embed_positions.weight"], Tokens<double>({{0, 0}, {0, 0}, {1, 2}, {3, 4}, {0, 0}, {0, 0}}));
}

TEST(Embeddings, TakeTheGivenPositionsOfEveryToken) {
  const Embedding<double> embedding(3, 1, 4, Positions::learned);
  Parameters theta(embedding);
  theta["embed_positions.weight"] << 0, 1, 2, 3;
  const Batch batch = Batch::of({1, 2});
  const std::vector<Index> positions{2, 3, 1};
  Workspace<double> workspace;
  const auto y = embedded(embedding, theta, {std::vector<int>{0, 0, 0}},
                          {.batch = batch, .workspace = workspace, .positions = positions});
  EXPECT_EQ(y, Tokens<double>({{2}, {3}, {1}}));
}

/// Of a table of ones, y is the mask, and so is the gradient of its sum.
TEST(Embeddings, HaveNoGradientOfWhatWasDropped) {
  Embedding<double> embedding(2, 50, 4, Positions::none);
  embedding.scale = 1;
  embedding.dropout = 0.5;
  Parameters theta(embedding), gradient(embedding);
  theta.flat().setOnes();
  const Batch batch = Batch::of({2});
  Workspace<double> workspace;
  const Pass<double> pass{.batch = batch, .workspace = workspace, .seed = 1};
  const std::vector<int> tokens{0, 1};
  const Tokens<double> y = embedded(embedding, theta, {tokens}, pass), dy = Tokens<double>::Ones(2, 50);
  embedding.backward(*theta, {}, pass, {tokens}, dy, *gradient);
  EXPECT_EQ(y.minCoeff(), 0);
  EXPECT_EQ(y.maxCoeff(), 2);
  EXPECT_EQ(gradient["embed_tokens.weight"], y);
}

TEST(Embeddings, AddTokenTypesAndNormTheSum) {
  Embedding<double> embedding(3, 2, 4, Positions::none);
  embedding.token_types = 2;
  Parameters theta(embedding);
  theta["embed_types.weight"].row(1) << 3, 9;
  const std::vector<int> tokens = {0, 1}, types = {0, 1};
  EXPECT_EQ(embedded(embedding, theta, {tokens, types}).row(1), Row<double>({{3, 9}}));
  EXPECT_TRUE(embedded(embedding, theta, {tokens}).isZero());
  embedding.norm = LayerNorm<double>(2, 1e-30);
  Parameters normed(embedding);
  normed["embed_types.weight"].row(1) << 3, 9;
  normed["embed_norm.weight"].setOnes();
  EXPECT_TRUE(embedded(embedding, normed, {tokens, types}).row(1).isApprox(Row<double>({{-1, 1}})));
}

TEST(Embeddings, RefuseWhatDoesNotFit) {
  Embedding<double> embedding(3, 2, 4, Positions::none);
  const Batch batch = Batch::of({2});
  const std::vector<int> tokens = {0, 1}, one = {0}, wrong = {0, 2};
  expect_sentence([&] { embedding.check(batch, {tokens, tokens}, 2); }, {"without token types"});
  embedding.token_types = 2;
  expect_sentence([&] { embedding.check(batch, {tokens, one}, 2); }, {"types has 1", "2 tokens"});
  expect_sentence([&] { embedding.check(batch, {tokens, wrong}, 2); }, {"types[1] is 2", "0 to 1"});
  embedding.norm = LayerNorm<double>(3);
  expect_sentence([&] { embedding.check(); }, {"norm is 3 wide", "dim is 2"});
  expect_sentence([] { Embedding<double>(3, 2, 4, Positions::learned, -1); }, {"first -1"});
  constexpr Index most = std::numeric_limits<Index>::max();
  for (const auto positions : {Positions::learned, Positions::fairseq}) {
    expect_sentence([&] { Embedding<double>(3, 2, most, positions, 2); }, {"longest is ", "behind 2 rows"});
  }
  for (const double softcap : {-1.0, 1e39, 1e-39}) {
    expect_sentence(
        [&] {
          language_model(PreLN<float>(2), {.dim = 2, .heads = 1, .hidden = 2, .depth = 1}, Embedding<float>(3, 2, 4),
                         {.softcap = softcap});
        },
        {"softcap is " + std::string(softcap < 0   ? "-1"
                                     : softcap > 1 ? "1e+39"
                                                   : "1e-39"),
         "0 for none"});
  }
}

}  // namespace
