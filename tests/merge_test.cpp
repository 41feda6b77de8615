// Merging of models: a model gives itself, equal Gram matrices give the mean, linear models the least squares; and what
// the distances of models are.
// group: training
#include <gtest/gtest.h>

#include <Eigen/QR>
#include <cmath>
#include <limits>

#include "residual/layers/attention/gated_prompts.hpp"
#include "residual/layers/self_attention.hpp"
#include "residual/merge/distance.hpp"
#include "residual/merge/regression_mean.hpp"
#include "residual/merge/task_arithmetic.hpp"
#include "residual/model/chain.hpp"
#include "residual/model/encoder.hpp"
#include "residual/wiring/pre_ln.hpp"

#include "support/expect_sentence.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;
using test_support::random_tokens;
using test_support::same_bits;

const auto merged_model = encoder(PreLN<double>(4), {.dim = 4, .heads = 2, .hidden = 6, .depth = 2});
using Merged = Parameters<std::remove_const_t<decltype(merged_model)>>;

Merged merged_theta(std::uint64_t seed) {
  Merged theta(merged_model);
  test_support::randomise(theta, seed);
  return theta;
}
/// The Gram matrices of passes over `tokens` random rows.
Grams<double> grams_of(const Merged& theta, std::uint64_t seed, Index tokens) {
  Grams<double> grams(theta);
  Tape tape(merged_model, Keep::nothing);
  tape.observe(&grams);
  const Tokens<double> x = random_tokens<double>(tokens, 4, seed);
  forward(merged_model, theta, tape, Batch::of({tokens}), x);
  return grams;
}

TEST(Merge, OneModelGivesItselfToTheBit) {
  const Merged seed = merged_theta(1), model = merged_theta(2);
  std::vector<Grams<double>> grams;
  for (int i = 0; i < 3; ++i) grams.push_back(grams_of(model, std::uint64_t(i), 40));
  for (const std::size_t count : {std::size_t(1), std::size_t(3)}) {
    const std::vector<Merged> models(count, model);
    Merged merged(merged_model);
    mean(models, merged);
    EXPECT_TRUE(same_bits(merged.flat(), model.flat())) << count;
    merged.flat().setZero();
    regression_mean(models, {grams.begin(), grams.begin() + Index(count)}, merged, 0.9);
    EXPECT_TRUE(same_bits(merged.flat(), model.flat())) << count;
    merged.flat().setZero();
    task_arithmetic(model, models, 0.75, merged);
    EXPECT_TRUE(same_bits(merged.flat(), model.flat())) << count;
  }
  Merged merged(merged_model);
  task_arithmetic(seed, {model}, 1, merged);
  EXPECT_TRUE(same_bits(merged.flat(), model.flat()));
  task_arithmetic(seed, {model, merged_theta(3)}, 0, merged);
  EXPECT_TRUE(same_bits(merged.flat(), seed.flat()));
  for (std::size_t m = 0; m < 3; ++m) {
    std::vector<double> weights(3, 0);
    weights[m] = 1;
    const std::vector<Merged> models{merged_theta(5), merged_theta(6), merged_theta(7)};
    interpolate(models, weights, merged);
    EXPECT_TRUE(same_bits(merged.flat(), models[m].flat()));
  }
}

/// Numbers that no double has.
TEST(Merge, OneModelGivesItselfToTheBitInLongDouble) {
  const auto model = encoder(PreLN<long double>(4), {.dim = 4, .heads = 2, .hidden = 6, .depth = 1});
  Parameters theta(model), merged(model);
  test_support::randomise(theta, 1);
  theta.flat().array() /= 3;
  Grams<long double> grams(theta);
  Tape tape(model, Keep::nothing);
  tape.observe(&grams);
  const Tokens<long double> x = random_tokens<double>(40, 4, 1).cast<long double>();
  forward(model, theta, tape, Batch::of({40}), x);
  regression_mean({theta, theta}, {grams, grams}, merged, 0.9);
  EXPECT_EQ(merged.flat(), theta.flat());
}

/// Differences, and weights, that the scalar does not hold.
TEST(Merge, GivesTheMeanOfNumbersThatAreFarApart) {
  const auto model = chain(Linear<float>{1, 1});
  Parameters a(model), b(model), merged(model);
  a.flat().setConstant(3e38F);
  b.flat().setConstant(-3e38F);
  mean({a, b}, merged);
  EXPECT_TRUE((merged.flat().array() == 0).all());
  interpolate({a, b}, {0.75, 0.25}, merged);
  EXPECT_TRUE((merged.flat().array() == 1.5e38F).all());
  expect_sentence(
      [&] {
        interpolate({a, a, b}, {1e39, -1e39, 1}, merged);
      },
      {"interpolate: weight 0 is 1e+39", "finite"});
  EXPECT_TRUE((merged.flat().array() == 1.5e38F).all());
}

/// Numbers that sums change though the difference or its weight is 0.
TEST(Merge, GivesItselfWithZerosInfinitiesAndBesideNan) {
  const auto filled = [](double with) {
    Merged theta = merged_theta(1);
    theta.flat().head(theta.size() / 2).setConstant(with);
    return theta;
  };
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const Merged zeros = filled(-0.0);
  Merged merged(merged_model);
  for (const double other : {1.0, -1.0, infinity, nan}) {
    for (const bool first : {true, false}) {
      const Merged beside = filled(other);
      interpolate(first ? std::vector{zeros, beside} : std::vector{beside, zeros},
                  first ? std::vector<double>{1, 0} : std::vector<double>{0, 1}, merged);
      EXPECT_TRUE(same_bits(merged.flat(), zeros.flat())) << other;
      task_arithmetic(beside, {zeros}, 1, merged);
      EXPECT_TRUE(same_bits(merged.flat(), zeros.flat())) << other;
    }
  }
  for (const Merged& model : {zeros, filled(infinity)}) {
    interpolate({model, model}, {2, -1}, merged);
    EXPECT_TRUE(same_bits(merged.flat(), model.flat()));
    task_arithmetic(model, {model, model}, -0.5, merged);
    EXPECT_TRUE(same_bits(merged.flat(), model.flat()));
  }
  const Grams<double> grams = grams_of(zeros, 1, 40);
  regression_mean({zeros, zeros}, {grams, grams}, merged);
  EXPECT_TRUE(same_bits(merged.flat(), zeros.flat()));
}

TEST(Merge, InterpolationAndArithmeticFollowTheirFormulas) {
  const Merged seed = merged_theta(1);
  const std::vector<Merged> models{merged_theta(2), merged_theta(3), merged_theta(4)};
  Merged merged(merged_model);
  interpolate(models, {0.5, 1.25, -0.75}, merged);
  const Column<double> expected = 0.5 * models[0].flat() + 1.25 * models[1].flat() - 0.75 * models[2].flat();
  EXPECT_TRUE(test_support::near(merged.flat(), expected, 1e-14));
  task_arithmetic(seed, models, 0.75, merged);
  const Column<double> sum = models[0].flat() + models[1].flat() + models[2].flat() - 3 * seed.flat();
  EXPECT_TRUE(test_support::near(merged.flat(), Column<double>(seed.flat() + 0.75 * sum), 1e-14));
}

/// What one model has in great numbers must not drown what the seed has, in whatever order the models come.
TEST(Merge, ArithmeticBeginsAtTheSeed) {
  const auto model = chain(Linear<float>{1, 1});
  const auto filled = [&](float with) {
    Parameters theta(model);
    theta.flat().setConstant(with);
    return theta;
  };
  const auto seed = filled(1), great = filled(1e8f), other = filled(3);
  Parameters merged(model);
  for (const auto& models : {std::vector{great}, std::vector{great, other}, std::vector{other, great}}) {
    task_arithmetic(seed, models, 0, merged);
    EXPECT_TRUE(same_bits(merged.flat(), seed.flat()));
    task_arithmetic(seed, models, 0x1p-24, merged);
    const double changes = (1e8 - 1) + double(models.size() - 1) * (3 - 1);
    EXPECT_NEAR(double(merged.flat()[0]), 1 + 0x1p-24 * changes, 1e-6);
  }
}

TEST(Merge, OnlyWhatIsChosenChanges) {
  const std::vector<Merged> models{merged_theta(2), merged_theta(3)};
  const std::vector<Grams<double>> grams{grams_of(models[0], 1, 40), grams_of(models[1], 2, 40)};
  for (const Selection& where : {Selection(parts::attention), Selection(parts::feed_forward), Selection("*norm*"),
                                 Selection([](const Part& part) { return part.name == "v"; })}) {
    Merged all = merged_theta(9), kept = all, some = all;
    regression_mean(models, grams, all);
    regression_mean(models, grams, some, 1, where);
    for (const ManifestEntry& tensor : all.manifest()) {
      each_part(tensor, [&](const Part& part) {
        const In<double> got = some[tensor.name], merged = all[tensor.name], before = kept[tensor.name];
        EXPECT_TRUE(same_bits(got.cols_from(part.begin, part.cols),
                              (where(part) ? merged : before).cols_from(part.begin, part.cols)))
            << tensor.name << part.name;
      });
    }
  }
}

TEST(RegressionMean, EqualGramMatricesGiveTheMean) {
  const std::vector<Merged> models{merged_theta(2), merged_theta(3)};
  const Grams<double> grams = grams_of(models[0], 1, 40);
  Merged merged(merged_model), expected(merged_model);
  mean(models, expected);
  for (const double gamma : {1.0, 0.5}) {
    regression_mean(models, {grams, grams}, merged, gamma);
    EXPECT_TRUE(test_support::near(merged.flat(), expected.flat(), 1e-13));
  }
}

/// Maps of some columns of one weight, as of the queries and of keys and values, have Gram matrices of their own.
TEST(Grams, AreFoundByTheirColumns) {
  const auto model = chain(Linear<double>{4, 3});
  const Parameters theta(model);
  Grams<double> grams(theta);
  const In<double> W = theta["0.weight"];
  grams.linear_input(W.cols_from(0, 1), random_tokens<double>(5, 4, 1));
  grams.linear_input(W.cols_from(1, 2), random_tokens<double>(6, 4, 2));
  ASSERT_TRUE(grams.find(0, 1, 2));
  EXPECT_EQ(grams.find(0, 0, 1)->rows, 5);
  EXPECT_EQ(grams.find(0, 1, 2)->rows, 6);
  EXPECT_EQ(grams.find(0, 2, 1)->rows, 6);
  EXPECT_FALSE(grams.find(0, 0, 3));
}

/// Prompts pass the maps of keys and values alone, whose columns tokens pass with those of queries.
TEST(Grams, AreTheSumOfAllMapsThatReadThroughTheColumns) {
  using A = SelfAttentionOf<double, GatedPrompts<double>>;
  const Stack<PreLN<double>, A> model{
      PreLN<double>(4), {{.dim = 4, .heads = 1, .causal = true, .inner = {.dim = 4, .heads = 1, .count = 3}}}, 1};
  Parameters theta(model);
  test_support::randomise(theta, 1);
  theta["layers.0.self_attn.adapter_prompt"].setConstant(5);
  Grams<double> grams(theta);
  Tape tape(model, Keep::nothing);
  tape.observe(&grams);
  const Tokens<double> x = random_tokens<double>(2, 4, 1);
  forward(model, theta, tape, Batch::of({2}), x);
  Index weight = 0;
  while (theta.manifest()[std::size_t(weight)].name != "layers.0.self_attn.in_proj_weight") ++weight;
  const auto queries = grams.find(weight, 0, 4), keys = grams.find(weight, 4, 4), values = grams.find(weight, 8, 4);
  ASSERT_TRUE(queries && keys && values);
  EXPECT_EQ(queries->rows, 2);
  EXPECT_EQ(keys->rows, 5);
  EXPECT_EQ(values->rows, 5);
  const Tokens<double> of_prompts = Tokens<double>::Constant(4, 4, 3 * 25);
  EXPECT_TRUE(test_support::near(keys->G, Tokens<double>(queries->G + of_prompts), 1e-12));
}

/// Two linear models, each with its own data.
class LinearModels : public testing::Test {
 protected:
  using Model = Chain<Linear<double>>;

  /// `rank` of the four inputs differ from 0.
  void expect_least_squares(Index rows, Index rank) {
    std::vector<Grams<double>> grams;
    std::vector<Tokens<double>> xs;
    for (std::size_t m = 0; m < 2; ++m) {
      test_support::randomise(models[m].flat(), m + 1);
      Tokens<double> x = random_tokens<double>(rows, 4, m + 5);
      x.rightCols(4 - rank).setZero();
      xs.push_back(x);
    }
    for (std::size_t m = 0; m < 2; ++m) {
      Grams<double>& own = grams.emplace_back(models[m]);
      Tape tape(model);
      tape.observe(&own);
      const Tokens<double> first = xs[m].topRows(rows / 2), second = xs[m].bottomRows(rows - rows / 2);
      forward(model, models[m], tape, Batch::of({first.rows()}), first);
      forward(model, models[m], tape, Batch::of({second.rows()}), second);
    }
    Parameters merged(model);
    regression_mean(models, grams, merged);
    const Tokens<double> W0 = models[0]["0.weight"], W1 = models[1]["0.weight"], W = merged["0.weight"];
    Eigen::MatrixXd X(2 * rows, rank), Y(2 * rows, 3);
    X << xs[0].leftCols(rank), xs[1].leftCols(rank);
    Y << xs[0] * W0, xs[1] * W1;
    const Tokens<double> expected = X.householderQr().solve(Y);
    EXPECT_TRUE(test_support::near(W.topRows(rank).eval(), expected, 1e-11));
    EXPECT_TRUE(test_support::near(W.bottomRows(4 - rank).eval(), ((W0 + W1) / 2).bottomRows(4 - rank).eval(), 1e-14));
    EXPECT_TRUE(same_bits(merged["0.bias"].row(0).eval(), [&] {
      Parameters average(model);
      mean(models, average);
      return average["0.bias"].row(0).eval();
    }()));
  }

  const Model model = chain(Linear<double>{4, 3});
  std::vector<Parameters<Model>> models{Parameters(model), Parameters(model)};
};

TEST_F(LinearModels, GetTheLeastSquares) { expect_least_squares(20, 4); }
TEST_F(LinearModels, KeepTheMeanWhereNoInputReaches) { expect_least_squares(20, 2); }

TEST_F(LinearModels, GammaScalesTheOffDiagonals) {
  std::vector<Grams<double>> grams{Grams<double>(models[0]), Grams<double>(models[1])};
  std::vector<Tokens<double>> weighted(2), plain(2);
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(4, 4), right = Eigen::MatrixXd::Zero(4, 3);
  for (std::size_t m = 0; m < 2; ++m) {
    test_support::randomise(models[m].flat(), m + 1);
    const Tokens<double> x = random_tokens<double>(9, 4, m + 5), W = models[m]["0.weight"];
    grams[m].linear_input(models[m]["0.weight"], x);
    const Eigen::MatrixXd full = x.transpose() * x;
    Eigen::MatrixXd G = 0.9 * full;
    G.diagonal() = full.diagonal();
    sum += G, right += G * W;
  }
  Parameters merged(model);
  regression_mean(models, grams, merged, 0.9);
  const Tokens<double> expected = sum.householderQr().solve(right);
  EXPECT_TRUE(test_support::near(merged["0.weight"], expected, 1e-12));
}

TEST(Distance, FollowsItsFormulas) {
  const Merged seed = merged_theta(1), a = merged_theta(2), b = merged_theta(3);
  const Column<double> da = a.flat() - seed.flat(), db = b.flat() - seed.flat();
  const Distance tasks = task_distance(seed, a, b), models = weight_distance(a, b);
  EXPECT_NEAR(tasks.l2, (a.flat() - b.flat()).norm(), 1e-13);
  EXPECT_NEAR(models.l2, tasks.l2, 1e-13);
  EXPECT_NEAR(tasks.cosine, da.dot(db) / da.norm() / db.norm(), 1e-13);
  EXPECT_NEAR(models.cosine, a.flat().dot(b.flat()) / a.flat().norm() / b.flat().norm(), 1e-13);
  EXPECT_EQ(tasks.flipped, double((da.array() * db.array() < 0).count()) / double(da.size()));
  Merged still = b;  // what training left where it was has not flipped
  still.flat().head(5) = seed.flat().head(5);
  EXPECT_EQ(task_distance(seed, a, still).flipped,
            double((da.array() * db.array() < 0).tail(da.size() - 5).count()) / double(da.size()));
  EXPECT_EQ(task_distance(seed, a, a).l2, 0);
  EXPECT_NEAR(task_distance(seed, a, a).cosine, 1, 1e-14);
  EXPECT_EQ(task_distance(seed, a, a).flipped, 0);
  EXPECT_EQ(task_distance(seed, seed, b).cosine, 0);
  Merged opposite = seed;
  opposite.flat() = seed.flat() - da;
  EXPECT_EQ(task_distance(seed, a, opposite).flipped, 1);
  EXPECT_NEAR(task_distance(seed, a, opposite).cosine, -1, 1e-13);
  const Column<double> bias = a["norm.bias"].row(0) - b["norm.bias"].row(0);
  EXPECT_NEAR(weight_distance(a, b, "norm.bias").l2, bias.norm(), 1e-14);
}

TEST(MergeErrors, AreSentencesBeforeAnythingChanges) {
  const Merged seed = merged_theta(1);
  const std::vector<Merged> models{merged_theta(2), merged_theta(3)};
  Merged merged(merged_model);
  expect_sentence([&] { interpolate({}, {}, merged); }, {"interpolate: ", "no models"});
  expect_sentence([&] { mean({}, merged); }, {"mean: ", "no models"});
  expect_sentence([&] { regression_mean({}, {}, merged); }, {"regression_mean: ", "no models"});
  expect_sentence([&] { interpolate(models, {1}, merged); }, {"1 weights", "2 models"});
  expect_sentence([&] { interpolate(models, {0.5, 0.6}, merged); }, {"sum is 1.1"});
  expect_sentence([&] { interpolate(models, {1, 0}, merged, "*.nrom.*"); }, {"interpolate: ", "chooses none"});
  expect_sentence([&] { mean(models, merged, "*.nrom.*"); }, {"mean: ", "chooses none"});
  expect_sentence([&] { regression_mean(models, {}, merged); }, {"of 0 models", "2 models"});
  const std::vector<Grams<double>> empty{Grams<double>(models[0]), Grams<double>(models[1])};
  expect_sentence([&] { regression_mean(models, empty, merged); }, {"no Gram matrix", "layers.0.self_attn.in_proj"});
  expect_sentence([&] { regression_mean(models, empty, merged, 1.5); }, {"gamma is 1.5"});
  expect_sentence([&] { regression_mean(models, empty, merged, 1, "*.nrom.*"); },
                  {"regression_mean: ", "chooses none"});
  for (const double lambda : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    expect_sentence([&] { task_arithmetic(seed, models, lambda, merged); }, {"lambda is", "finite"});
  }
  Grams<double> unknown = grams_of(models[1], 1, 5);
  Tokens<double> data = random_tokens<double>(5, 4, 2);
  data(2, 2) = std::nan("");
  unknown.linear_input(models[1]["layers.0.self_attn.in_proj_weight"], data);
  expect_sentence(
      [&] {
        regression_mean(models, {grams_of(models[0], 2, 5), unknown}, merged);
      },
      {"model 1", "layers.0.self_attn.in_proj", "not finite"});
  const auto other = encoder(PreLN<double>(4), {.dim = 4, .heads = 2, .hidden = 7, .depth = 2});
  Merged different(other);
  expect_sentence([&] { mean(models, different); }, {"mean: ", "another shape"});
  expect_sentence([&] { regression_mean(models, empty, different); }, {"regression_mean: ", "another shape"});
  expect_sentence([&] { task_arithmetic(different, models, 1, merged); }, {"the seed"});
  expect_sentence([&] { task_distance(seed, models[0], different); }, {"one shape"});
  EXPECT_TRUE(merged.flat().isZero(0));
  EXPECT_TRUE(different.flat().isZero(0));
  Grams<double> grams(models[0]);
  Tape tape(merged_model);
  tape.observe(&grams);
  const Tokens<double> x = random_tokens<double>(3, 4, 1);
  expect_sentence([&] { forward(merged_model, models[1], tape, Batch::of({3}), x); }, {"none of the parameters"});
}

}  // namespace
