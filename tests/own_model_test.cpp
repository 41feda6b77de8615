// Models of one's own as chains: gradients, packing, pooling, training, and what is refused.
#include <gtest/gtest.h>

#include "residual/io/load_parameters.hpp"
#include "residual/io/save_parameters.hpp"
#include "residual/residual.hpp"
#include "support/expect_sentence.hpp"
#include "support/folder.hpp"
#include "support/gradient_problem.hpp"
#include "support/heap_count.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using namespace test_support;
using test_support::Random;

/// Features, an encoder with dropout, a norm, a pooling and a head behind a feed-forward layer.
template <class S>
auto pooled(Pooling take) {
  const Sizes sizes{.dim = 6, .heads = 2, .hidden = 7, .depth = 2, .dropout = 0.2};
  FeedForward<S> ffn{6, 5, Activation::gelu_erf};
  ffn.dropout = 0.3;
  return chain(named<"input.">(Linear<S>{3, 6}), named<"encoder.">(encoder(PreLN<S>(6), sizes)), LayerNorm<S>(6),
               Pool<S>{6, take}, ffn, named<"head.">(Linear<S>{6, 2, false}));
}
/// A chain in a chain, a decoder and no pooling.
template <class S>
auto by_token() {
  const Sizes sizes{.dim = 4, .heads = 2, .hidden = 5, .depth = 1, .causal = true};
  const auto inner = chain(Linear<S>{3, 4}, decoder(ResiDual<S>(4), sizes));
  return chain(Linear<S>{2, 3}, inner, named<"second.">(decoder(PostLN<S>(4), sizes)), Linear<S>{4, 3});
}
/// Rows behind a pooling pass a stack, too.
template <class S>
auto stack_behind() {
  const Sizes sizes{.dim = 4, .heads = 1, .hidden = 5, .depth = 1, .attention_dropout = 0.2};
  return chain(Pool<S>{4, Pooling::last}, encoder(PreLN<S>(4), sizes));
}

TEST(OwnModel, IsAModel) {
  static_assert(Model<decltype(pooled<float>(Pooling::mean))> && Model<decltype(by_token<double>())>);
  const auto manifest = Parameters<decltype(by_token<float>())>::manifest(by_token<float>());
  EXPECT_EQ(manifest.front().name, "0.weight");
  EXPECT_EQ(manifest[2].name, "1.0.weight");
  EXPECT_EQ(manifest[4].name, "1.1.layers.0.self_attn.in_proj_weight");
  EXPECT_EQ(manifest.back().name, "3.bias");
  const auto own = Parameters<decltype(pooled<float>({}))>::manifest(pooled<float>({}));
  EXPECT_EQ(own.front().name, "input.weight");
  EXPECT_EQ(own[2].name, "encoder.layers.0.self_attn.in_proj_weight");
  EXPECT_EQ(own.back().name, "head.weight");
}

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
      const auto report = check([&]<class S>(S) { return pooled<S>(take); }, random_scene(random, 3, false), random);
      EXPECT_TRUE(report) << report.message();
    }
    const auto tokens = check([]<class S>(S) { return by_token<S>(); },
                              [&] {
                                auto scene = random_scene(random, 4, true);
                                scene.x = random.tokens(scene.batch.tokens(), 2);
                                return scene;
                              }(),
                              random);
    EXPECT_TRUE(tokens) << tokens.message();
    auto scene = random_scene(random, 4, false);
    scene.attn_mask.resize(0, 0);
    const auto behind = check([]<class S>(S) { return stack_behind<S>(); }, scene, random);
    EXPECT_TRUE(behind) << behind.message();
  }
}

TEST(OwnModel, ASequenceAloneIsThatInABatchWhateverTheThreads) {
  Random random(2);
  const auto model = pooled<float>(Pooling::mean);
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

TEST(OwnModel, GivesTheSameBitsForInferenceFromAPlanAndOnMemoryOfNaN) {
  Random random(4);
  const auto model = pooled<double>(Pooling::last);
  Parameters theta(model), g(model), again(model);
  randomise(theta, 5);
  const Batch batch = Batch::of({3, 0, 9});
  const Tokens<double> x = random.tokens(12, 3), dy = random.tokens(3, 2);
  Tape tape(model), inference(model, Keep::nothing);
  const Plan plan(theta);
  const Tokens<double> y = forward(model, theta, tape, batch, x);
  backward(model, theta, tape, dy, g);
  EXPECT_TRUE(same_bits(forward(model, theta, inference, batch, x), y));
  EXPECT_LT(inference.bytes(), tape.bytes());
  inference.fill(not_a_number<double>);
  EXPECT_TRUE(same_bits(forward(model, plan, inference, batch, x), y));
  tape.fill(not_a_number<double>);
  EXPECT_TRUE(same_bits(forward(model, theta, tape, batch, x), y));
  backward(model, theta, tape, dy, again);
  EXPECT_TRUE(same_bits(again.flat(), g.flat()));
}

TEST(OwnModel, AllocatesNothingFromTheSecondPassOn) {
  const auto model = pooled<float>(Pooling::mean);
  Parameters theta(model), g(model);
  initialise(theta, 1);
  Tape tape(model);
  const Tokens<float> x = Tokens<float>::Random(12, 3), dy = Tokens<float>::Random(3, 2);
  const Batch large = Batch::of({3, 1, 8}), small = Batch::of({5, 2});
  const auto pass = [&](const Batch& batch) {
    forward(model, theta, tape, batch, x.topRows(batch.tokens()));
    backward(model, theta, tape, dy.topRows(batch.sequences()), g);
  };
  pass(large);
  pass(large);
  EXPECT_EQ(allocations([&] { pass(large), pass(small), pass(large); }), 0);
}

TEST(OwnModel, IsSavedAndLoadedByItsNames) {
  const auto model = pooled<float>(Pooling::mean);
  Parameters theta(model), loaded(model);
  initialise(theta, 1);
  const Folder folder;
  save_parameters(folder.path / "own.safetensors", theta);
  load_parameters(folder.path / "own.safetensors", loaded);
  EXPECT_TRUE(same_bits(loaded.flat(), theta.flat()));
}

TEST(Pool, TakesWhatIsNotHidden) {
  const Tokens<double> x = (Tokens<double>(6, 1) << 1, 2, 4, 8, 16, 32).finished();
  const std::vector<std::uint8_t> hidden = {1, 0, 0, 1, 1, 0};
  const Batch batch = Batch::of({4, 0, 1, 1}).hiding(hidden);
  const auto expect_pooled = [&](Pooling take, const std::array<double, 4>& y, const std::array<double, 6>& dx) {
    const auto model = chain(Pool<double>{1, take});
    Parameters theta(model), g(model);
    Tape tape(model);
    const Tokens<double> dy = Tokens<double>::Constant(4, 1, 6);
    Tokens<double> own = Tokens<double>::Zero(6, 1);
    EXPECT_TRUE(equal(forward(model, theta, tape, batch, x), Eigen::Map<const Tokens<double>>(y.data(), 4, 1)));
    backward(model, theta, tape, dy, g, {.x = own});
    EXPECT_TRUE(equal(own, Eigen::Map<const Tokens<double>>(dx.data(), 6, 1)));
  };
  expect_pooled(Pooling::mean, {3, 0, 0, 32}, {0, 3, 3, 0, 0, 6});
  expect_pooled(Pooling::first, {2, 0, 0, 32}, {0, 6, 0, 0, 0, 6});
  expect_pooled(Pooling::last, {4, 0, 0, 32}, {0, 0, 6, 0, 0, 6});
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

TEST(OwnModel, RefusesWhatDoesNotFit) {
  using L = Linear<float>;
  expect_sentence([] { chain(L{3, 4}, L{5, 2}); }, {"part 0 gives 4", "part 1 takes 5", "put a Linear between"});
  expect_sentence([] { chain(L{3, 4}, Pool<float>{0}); }, {"Pool: dim is 0"});
  const auto model = chain(L{3, 4}, Pool<float>{4});
  const Parameters theta(model);
  Tape tape(model);
  const Tokens<float> x = Tokens<float>::Zero(2, 3), mask = Tokens<float>::Zero(2, 2), dy = Tokens<float>::Zero(2, 4);
  const Batch batch = Batch::of({2});
  expect_sentence([&] { forward(model, theta, tape, Batch::of({3}), x); }, {"x is [2 x 3]", "[3 x 3] is needed"});
  expect_sentence([&] { forward(model, theta, tape, {.batch = batch, .x = x, .attn_mask = mask}); },
                  {"attn_mask", "nobody would read"});
  expect_sentence([&] { forward(model, theta, tape, {.batch = batch, .x = x, .memory_batch = batch, .memory = x}); },
                  {"memory", "leave"});
  forward(model, theta, tape, batch, x);
  Parameters g(model);
  expect_sentence([&] { backward(model, theta, tape, dy, g); }, {"dy is [2 x 4]", "[1 x 4]"});
  Tokens<float> dx = Tokens<float>::Zero(3, 3);
  const Tokens<float> right = dy.topRows(1);
  expect_sentence([&] { backward(model, theta, tape, right, g, {.x = dx}); }, {"gradient of x is [3 x 3]"});
}

}  // namespace
