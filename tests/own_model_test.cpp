// Models of one's own as chains: their gradients, a sequence alone and in a batch, and training on ragged sequences.
// group: models
#include <gtest/gtest.h>

#include "residual/residual.hpp"
#include "support/chains.hpp"
#include "support/gradient_problem.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using namespace test_support;
using test_support::Random;

/// The gradient of <y, c> against long double differences, for y of any number of rows.
template <class Make>
GradientReport<long double> check(const Make& make, const Scene<double>& scene, Random& random) {
  using T = long double;
  const auto model = make(1.0);
  Parameters theta(model);
  randomise(theta, random.bits());
  const Index rows = model.output_rows(scene.template input<std::decay_t<decltype(model)>>());
  const Tokens<double> c = random.tokens(rows, model.output_cols());
  const auto problem = [&]<class S>(S s) {
    return GradientProblem(make(s), scene.template cast<S>(), Column<S>(theta.flat().template cast<S>()),
                           Tokens<S>(c.template cast<S>()));
  };
  auto theirs = problem(T());
  const Column<double> gradient = problem(1.0).gradient(random);
  return gradient_check([&](const Column<T>& all) { return theirs.loss(all); }, theirs.flat(), gradient, theirs.names(),
                        GradientOptions<T>{.tolerance = 1e-11L});
}

TEST(OwnModel, HasTheGradientOfDifferences) {
  Random random(1);
  for (int trial = 0; trial < 5; ++trial) {
    SCOPED_TRACE(trial);
    for (const Pooling take : {Pooling::mean, Pooling::first, Pooling::last}) {
      const auto report =
          check([&]<class S>(S) { return pooled_chain<S>(take); }, random_scene(random, 3, false), random);
      EXPECT_TRUE(report) << report.message();
    }
    const auto tokens = check([]<class S>(S) { return chain_of_tokens<S>(); },
                              [&] {
                                auto scene = random_scene(random, 4, true);
                                scene.x = random.tokens(scene.batch.tokens(), 2);
                                return scene;
                              }(),
                              random);
    EXPECT_TRUE(tokens) << tokens.message();
    auto scene = random_scene(random, 4, false);
    scene.attn_mask.resize(0, 0);
    const auto behind = check([]<class S>(S) { return stack_behind_pool<S>(); }, scene, random);
    EXPECT_TRUE(behind) << behind.message();
  }
}

TEST(OwnModel, ASequenceAloneIsThatInABatchWhateverTheThreads) {
  Random random(2);
  const auto model = pooled_chain<float>(Pooling::mean);
  Parameters theta(model), g(model);
  randomise(theta, 3);
  const std::vector<Index> lengths = {4, 0, 70, 1, 33};
  const Batch batch = random_batch(random, lengths, 0.3);
  const Tokens<float> x = random.tokens(batch.tokens(), 3).cast<float>(), dy = random.tokens(5, 2).cast<float>();
  Tokens<float> dx = Tokens<float>::Zero(x.rows(), 3);
  const Threads threads(2);
  Tape tape(model, threads);
  const Tokens<float> y = forward(model, theta, tape, batch, x);
  backward(model, theta, tape, dy, g, {.x = dx});
  for (Index s = 0; s < 5; ++s) {
    const Index begin = batch.begin(s), length = batch.length(s);
    const Batch own = Batch::of({length}).hiding({batch.hidden(s), std::size_t(length)});
    const Tokens<float> x_own = x.middleRows(begin, length), dy_own = dy.row(s);
    Tokens<float> dx_own = Tokens<float>::Zero(length, 3);
    Tape alone(model);
    EXPECT_TRUE(same_bits(forward(model, theta, alone, own, x_own), y.row(s))) << "sequence " << s;
    backward(model, theta, alone, dy_own, g, {.x = dx_own});
    EXPECT_TRUE(same_bits(dx_own, dx.middleRows(begin, length))) << "sequence " << s;
  }
}

/// Ragged sequences of feature vectors, the seed's.
struct Data {
  Batch batch;
  Tokens<float> x;
  explicit Data(std::uint64_t seed) {
    Random random(seed);
    std::vector<Index> lengths(24);
    for (Index& length : lengths) length = random.integer(1, 9);
    batch = Batch::of(lengths);
    x = random.tokens(batch.tokens(), 5).cast<float>();
  }
};
template <class M, class Loss>
float train(const M& model, const Data& data, int steps, const Loss& loss) {
  Parameters theta(model), grad(model);
  initialise(theta, 1);
  AdamW<float> adam(theta.size());
  Tape tape(model);
  float last = 0;
  for (int step = 0; step < steps; ++step) {
    const auto y = forward(model, theta, tape, data.batch, data.x);
    Tokens<float> dy(y.rows(), y.cols());
    last = loss(y, dy);
    grad.flat().setZero();
    backward(model, theta, tape, dy, grad);
    adam.step(theta.flat(), grad.flat(), 3e-3);
  }
  return last;
}

/// Which of three features has the largest sum over a sequence.
TEST(OwnModel, LearnsClassesOfRaggedSequences) {
  const Data data(6);
  std::vector<int> classes;
  for (Index s = 0; s < data.batch.sequences(); ++s) {
    Index best = 0;
    data.x.middleRows(data.batch.begin(s), data.batch.length(s)).leftCols(3).colwise().sum().maxCoeff(&best);
    classes.push_back(int(best));
  }
  const auto model =
      chain(Linear<float>{5, 16}, encoder(PreLN<float>(16), {.dim = 16, .heads = 2, .hidden = 32, .depth = 1}),
            Pool<float>{16}, Linear<float>{16, 3});
  EXPECT_LT(train(model, data, 150, [&](const auto& y, auto& dy) { return cross_entropy(y, classes, dy); }), 0.05f);
}

/// The sequence's length, and the product of two features of its last token.
TEST(OwnModel, LearnsNumbersOfRaggedSequences) {
  const Data data(7);
  Tokens<float> target(data.batch.sequences(), 2);
  for (Index s = 0; s < target.rows(); ++s) {
    const Index last = data.batch.begin(s + 1) - 1;
    target.row(s) << float(data.batch.length(s)) / 9, data.x(last, 0) * data.x(last, 1);
  }
  const auto model =
      chain(Linear<float>{5, 16}, encoder(ResiDual<float>(16), {.dim = 16, .heads = 2, .hidden = 32, .depth = 1}),
            Pool<float>{16, Pooling::last}, Linear<float>{16, 2});
  EXPECT_LT(train(model, data, 300, [&](const auto& y, auto& dy) { return mse(y, target, dy); }), 0.02f);
}

}  // namespace
