// Models of tokens without a causal head: hidden states with a pooler, and masked words. Their gradients, and what each is.
// group: models
#include "residual/model/token_encoder.hpp"

#include <gtest/gtest.h>

#include "residual/model/masked_language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/numeric/gradient_check.hpp"
#include "residual/wiring/post_ln.hpp"
#include "support/expect_sentence.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;

template <class S>
auto blocks() {
  return encoder(PostLN<S>(6), {.dim = 6, .heads = 2, .hidden = 7, .depth = 2, .activation = Activation::gelu_erf});
}
template <class S>
Embedding<S> embedding() {
  Embedding<S> e(5, 6, 4, Positions::learned);
  e.token_types = 2;
  e.norm = LayerNorm<S>(6);
  return e;
}
const std::vector<int> tokens = {0, 3, 4, 3, 1}, types = {0, 1, 1, 0, 0};

template <class M>
Parameters<M> random_parameters(const M& model) {
  Parameters<M> theta(model);
  std::srand(1);
  theta.flat().setRandom();
  return theta;
}

/// The gradient of <y, dy> agrees with differences for every parameter.
template <class M>
void expect_gradient(const M& model) {
  using S = typename M::Scalar;
  const Parameters<M> theta = random_parameters(model);
  Parameters<M> gradient(model), point(model);
  Tape<M> tape(model);
  const typename M::Input input{.batch = Batch::of({3, 2}), .tokens = tokens, .types = types};
  const Tokens<S> dy = Tokens<S>::Random(model.output_rows(input), model.output_cols());
  forward(model, theta, tape, input);
  backward(model, theta, tape, dy, gradient);
  const auto loss = [&](const Column<S>& values) {
    point.flat() = values;
    return forward(model, point, tape, input).cwiseProduct(dy).sum();
  };
  const auto report = gradient_check(loss, theta.flat(), gradient.flat(), theta.manifest());
  EXPECT_TRUE(report) << report.message();
}

TEST(TokenEncoders, HaveTheirGradient) {
  expect_gradient(TokenEncoder(embedding<long double>(), blocks<long double>(), true));
  expect_gradient(TokenEncoder(embedding<long double>(), blocks<long double>()));
}
TEST(MaskedLanguageModels, HaveTheirGradient) {
  expect_gradient(MaskedLanguageModel(embedding<long double>(), blocks<long double>(),
                                      WordHead<long double>{.dim = 6, .epsilon = 1e-5L}));
}

TEST(TokenEncoders, ReadTokenTypes) {
  const TokenEncoder model(embedding<double>(), blocks<double>());
  const auto theta = random_parameters(model);
  Tape typed(model), plain(model);
  const Batch batch = Batch::of({3, 2});
  const auto y = forward(model, theta, typed, {.batch = batch, .tokens = tokens, .types = types});
  const auto without = forward(model, theta, plain, {.batch = batch, .tokens = tokens});
  EXPECT_FALSE(y.topRows(3).isApprox(without.topRows(3), 1e-6));
  EXPECT_EQ(y.bottomRows(2), without.bottomRows(2)) << "where all types are 0";
}

TEST(TokenEncoders, PoolTheFirstRowOfEachSequence) {
  const TokenEncoder model(embedding<double>(), blocks<double>(), true);
  const auto theta = random_parameters(model);
  Tape tape(model, Keep::nothing);
  const Tokens<double> y = forward(model, theta, tape, {.batch = Batch::of({3, 2}), .tokens = tokens, .types = types});
  ASSERT_EQ(y.rows(), 7);
  const Tokens<double> W = theta["pooler.weight"], b = theta["pooler.bias"];
  for (const auto& [row, first] : {std::pair<Index, Index>{5, 0}, {6, 3}}) {
    const Tokens<double> pooled = (y.row(first) * W + b).array().tanh();
    EXPECT_TRUE(y.row(row).isApprox(pooled, 1e-13));
  }
  expect_sentence(
      [&] {
        forward(model, theta, tape, {.batch = Batch::of({2, 3, 0}), .tokens = tokens});
      },
      {"Pooler: sequence 2 has no token"});
}

TEST(MaskedLanguageModels, GiveLogitsOfTheWordInPlace) {
  const TokenEncoder hidden(embedding<double>(), blocks<double>());
  const MaskedLanguageModel model(embedding<double>(), blocks<double>(), WordHead<double>{.dim = 6});
  const auto theta = random_parameters(model);
  Parameters<std::decay_t<decltype(hidden)>> same(hidden);
  same.flat() = theta.flat().head(same.size());
  Tape tape(model);
  Tape hidden_tape(hidden);
  const Batch batch = Batch::of({3, 2});
  const Tokens<double> y = forward(model, theta, tape, {.batch = batch, .tokens = tokens});
  const Tokens<double> x = forward(hidden, same, hidden_tape, {.batch = batch, .tokens = tokens});
  const Tokens<double> W = theta["lm_head.transform.dense.weight"], b = theta["lm_head.transform.dense.bias"],
                       gamma = theta["lm_head.transform.norm.weight"], beta = theta["lm_head.transform.norm.bias"],
                       E = theta["embed_tokens.weight"], bias = theta["lm_head.bias"];
  for (Index i = 0; i < y.rows(); ++i) {
    const Row<double> u = (x.row(i) * W + b).unaryExpr([](double v) { return v * std::erfc(-v / std::sqrt(2.)) / 2; });
    const Row<double> c = u.array() - u.mean();
    const Row<double> n = (c / std::sqrt(c.squaredNorm() / 6 + 1e-12)).cwiseProduct(gamma.row(0)) + beta.row(0);
    EXPECT_TRUE(y.row(i).isApprox(n * E.transpose() + bias, 1e-12)) << i;
  }
  expect_sentence([] { MaskedLanguageModel(embedding<double>(), blocks<double>(), WordHead<double>{.dim = 5}); },
                  {"head is 5 wide", "the stack 6"});
}

}  // namespace
