// Attention against the plain softmax in long double, for every kind of visibility and of logit.
// group: layers
#include <gtest/gtest.h>

#include "reference/attention.hpp"
#include "residual/layers/attention/attention.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace {

using namespace residual;
using test_support::Random;

constexpr double lowest = -std::numeric_limits<double>::infinity();

/// What is asked of one call.
struct Question {
  Heads heads{2, 2, 3};
  Reach reach = {};
  Scores scores = {};
  std::vector<Index> lengths{5, 0, 1, 7}, key_lengths{};  ///< none: those of the queries
  Tokens<double> mask = {};
  bool by_sequence = false, by_head = false, sinks = false;
  std::vector<std::uint8_t> hidden = {};  ///< by key
  double spread = 1;                      ///< of q
  bool tied = false;                      ///< all keys of a sequence are equal
};

/// Its numbers, which are exact in every scalar.
struct Scene {
  Tokens<double> q, k, v, dy, sinks;
  Scene(const Question& ask, Random random, Index queries, Index keys)
      : q(rounded(random.tokens(queries, ask.heads.q_width()) * ask.spread)),
        k(rounded(random.tokens(keys, ask.heads.kv_width()))),
        v(rounded(random.tokens(keys, ask.heads.kv_width()))),
        dy(rounded(random.tokens(queries, ask.heads.q_width()))),
        sinks(rounded(random.tokens(1, ask.sinks ? ask.heads.heads : 0))) {}

 private:
  static Tokens<double> rounded(const Tokens<double>& m) { return m.cast<float>().cast<double>(); }
};

/// What the library computes.
template <class S>
struct Answer {
  Tokens<S> o, stats, dq, dk, dv, dsinks;
};

template <class S>
Answer<S> compute(const Question& ask, const Scene& scene, const Batch& batch, const Batch& keys) {
  const Tokens<S> q = scene.q.cast<S>(), k = scene.k.cast<S>(), v = scene.v.cast<S>(), dy = scene.dy.cast<S>(),
                  mask = ask.mask.cast<S>(), sinks = scene.sinks.cast<S>();
  const S nan = std::numeric_limits<S>::quiet_NaN();
  const auto undefined = [&](const auto& m) { return Tokens<S>::Constant(m.rows(), m.cols(), nan).eval(); };
  Answer<S> answer{undefined(q), Tokens<S>::Constant(q.rows(), 2 * ask.heads.heads, nan),
                   undefined(q), undefined(k),
                   undefined(v), Tokens<S>::Zero(1, sinks.cols())};
  Workspace<S> workspace;
  const Pass<S> pass{.batch = batch, .workspace = workspace};
  const Attention<S> attention{ask.heads, ask.reach, ask.scores};
  const Mask<S> given(mask, ask.by_sequence, ask.by_head);
  attention.forward(pass, keys, given, {q, k, v}, answer.o, answer.stats, sinks);
  attention.backward(pass, keys, given, {q, k, v}, answer.o, answer.stats, dy, {answer.dq, answer.dk, answer.dv}, sinks,
                     answer.dsinks);
  return answer;
}

/// What is added to the logits of a head of a sequence, -infinity where the key is not visible.
reference::Matrix bias_of(const Question& ask, Index sequence, Index head, Index queries, Index keys, Index first_key,
                          Index sequences) {
  reference::Matrix bias = reference::Matrix::Zero(queries, keys);
  const Index blocks = (ask.by_sequence ? sequences : 1) * (ask.by_head ? ask.heads.heads : 1);
  const Index number = ask.by_sequence ? sequence * (ask.by_head ? ask.heads.heads : 1) + (ask.by_head ? head : 0)
                                       : (ask.by_head ? head : 0);
  const Index chunk = std::max<Index>(ask.reach.chunk, 1);
  for (Index i = 0; i < queries; ++i) {
    for (Index j = 0; j < keys; ++j) {
      if (ask.mask.size() > 0) bias(i, j) += (long double)(ask.mask(number * ask.mask.rows() / blocks + i, j));
      if (ask.scores.alibi)
        bias(i, j) -= std::exp2(-8.0L * (long double)(head + 1) / 4) * (long double)(std::abs(i - j));
      const bool behind = ask.reach.causal ? j > i : ask.reach.chunk > 0 && j / chunk > i / chunk;
      const Index from = ask.reach.chunk > 0 ? i / chunk * chunk - ask.reach.window : i - ask.reach.window + 1;
      const bool before = ask.reach.window > 0 && j < from;
      const bool hidden = !ask.hidden.empty() && ask.hidden[std::size_t(first_key + j)] != 0;
      if (behind || before || hidden) bias(i, j) = lowest;
    }
  }
  return bias;
}

template <class S>
void expect_near(const char* what, const Tokens<S>& got, const reference::Matrix& expected, long double scale) {
  const long double tolerance = 60 * (long double)(std::numeric_limits<S>::epsilon()) * scale;
  for (Index i = 0; i < got.rows(); ++i) {
    for (Index j = 0; j < got.cols(); ++j) {
      ASSERT_NEAR(double((long double)(got(i, j)) - expected(i, j)), 0, double(tolerance))
          << what << "(" << i << ", " << j << "): " << got(i, j) << " for " << expected(i, j);
    }
  }
}

template <class S>
void check_as(const Question& ask, std::uint64_t seed, long double loss = 1) {
  const Batch batch = Batch::of(ask.lengths);
  Batch keys = ask.key_lengths.empty() ? batch : Batch::of(ask.key_lengths);
  if (!ask.hidden.empty()) keys = keys.hiding(ask.hidden);
  Scene scene(ask, Random(seed), batch.tokens(), keys.tokens());
  for (Index s = 0; ask.tied && s < keys.sequences(); ++s) {
    for (Index j = 1; j < keys.length(s); ++j) scene.k.row(keys.begin(s) + j) = scene.k.row(keys.begin(s));
  }
  const auto answer = compute<S>(ask, scene, batch, keys);
  reference::Matrix o = reference::Matrix::Zero(batch.tokens(), ask.heads.q_width()), dq = o,
                    dk = reference::Matrix::Zero(keys.tokens(), ask.heads.kv_width()), dv = dk,
                    dsinks = reference::Matrix::Zero(1, scene.sinks.cols());
  for (Index s = 0; s < batch.sequences(); ++s) {
    for (Index h = 0; h < ask.heads.heads; ++h) {
      const Index e = ask.heads.head_dim, kv = h / (ask.heads.heads / ask.heads.kv_heads) * e;
      const auto of = [&](const auto& m, const Batch& rows, Index column) {
        return m.block(rows.begin(s), column, rows.length(s), e).template cast<long double>();
      };
      const double width = ask.scores.width > 0 ? ask.scores.width : double(e);
      const reference::Attention head{
          .q = of(scene.q, batch, h * e),
          .k = of(scene.k, keys, kv),
          .v = of(scene.v, keys, kv),
          .bias = bias_of(ask, s, h, batch.length(s), keys.length(s), keys.begin(s), batch.sequences()),
          .scale = 1 / std::sqrt((long double)(width)),
          .cap = (long double)(ask.scores.softcap),
          .sink = ask.sinks ? std::optional((long double)(scene.sinks(0, h))) : std::nullopt};
      const auto g = head.pull(of(scene.dy, batch, h * e));
      o.block(batch.begin(s), h * e, batch.length(s), e) = head.o();
      dq.block(batch.begin(s), h * e, batch.length(s), e) = g.q;
      dk.block(keys.begin(s), kv, keys.length(s), e) += g.k;
      dv.block(keys.begin(s), kv, keys.length(s), e) += g.v;
      if (ask.sinks) dsinks(0, h) += g.sink;
    }
  }
  const long double size = std::sqrt((long double)(keys.longest() + 1)) * std::max<long double>(1, ask.spread) * loss;
  expect_near("o", answer.o, o, size);
  expect_near("dq", answer.dq, dq, size * size);
  expect_near("dk", answer.dk, dk, size * size);
  expect_near("dv", answer.dv, dv, size * size);
  expect_near("dsinks", answer.dsinks, dsinks, size * size);
}

/// In float, double and long double.
void check(const Question& ask, std::uint64_t seed = 1, long double loss = 1) {
  check_as<float>(ask, seed, loss);
  check_as<double>(ask, seed, loss);
  check_as<long double>(ask, seed, loss);
}

Tokens<double> random_mask(Random random, Index rows, Index cols, double blocked) {
  Tokens<double> mask = random.tokens(rows, cols).cast<float>().cast<double>();
  for (Index i = 0; i < mask.size(); ++i) {
    if (random.chance(blocked)) mask.data()[i] = lowest;
  }
  return mask;
}

TEST(Attention, IsThePlainSoftmax) {
  check({});
  check({.heads = {4, 2, 3}});
  check({.heads = {6, 1, 5}});
  check({.heads = {2, 2, 17}, .lengths = {100, 97}});
  check({.lengths = {3, 2}, .key_lengths = {4, 0}});
  check({.heads = {2, 1, 5}, .lengths = {500}});
  check({.heads = {4, 2, 70}, .lengths = {80, 20, 90, 3}, .key_lengths = {350, 500, 360, 390}});
}
TEST(Attention, SeesWhatIsWithinReach) {
  for (const Reach reach : {Reach{.causal = true}, Reach{.causal = true, .window = 3},
                            Reach{.causal = true, .window = 1}, Reach{.chunk = 2}, Reach{.window = 2, .chunk = 3}}) {
    check({.heads = {4, 2, 3}, .reach = reach});
    check({.heads = {2, 1, 4}, .reach = reach, .lengths = {300, 98}});
  }
  check({.reach = {.causal = true, .window = 200}, .lengths = {700}});  // whole tiles lie before the window
  check({.heads = {1, 1, 70}, .reach = {.causal = true, .window = 100}, .lengths = {360}});
  check({.heads = {1, 1, 70}, .reach = {.causal = true}, .lengths = {360}});
}
TEST(Attention, SeesNoMoreThanAllKeys) {
  constexpr Index most = std::numeric_limits<Index>::max();
  EXPECT_EQ((Reach{.causal = true, .window = 3}).most(5), 3);
  EXPECT_EQ((Reach{.window = 2, .chunk = 2}).most(5), 4);
  EXPECT_EQ((Reach{.window = 3, .chunk = 4}).most(5), 5);
  EXPECT_EQ((Reach{.window = most, .chunk = most}).most(5), 5);
  EXPECT_EQ((Reach{.window = 2, .chunk = most}).most(5), 5);
}
TEST(Attention, SeesNoHiddenKey) {
  check({.hidden = {0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1}});
  std::vector<std::uint8_t> first_tiles(600);
  std::fill_n(first_tiles.begin(), 530, std::uint8_t(1));
  check({.lengths = {600}, .hidden = first_tiles});
  check({.lengths = {4, 3}, .hidden = {1, 1, 1, 1, 0, 0, 0}});  // the queries of one sequence see nothing
}
TEST(Attention, AddsItsMask) {
  check({.mask = random_mask(Random(3), 7, 7, 0.4)});
  check({.mask = random_mask(Random(3), 9, 9, 1)});
  check({.heads = {4, 2, 3}, .mask = random_mask(Random(4), 4 * 7, 7, 0.3), .by_sequence = true});
  check({.heads = {4, 2, 3}, .mask = random_mask(Random(5), 4 * 7, 7, 0.3), .by_head = true});
  check({.heads = {2, 1, 3}, .mask = random_mask(Random(6), 8 * 8, 7, 0.3), .by_sequence = true, .by_head = true});
  check({.lengths = {300}, .mask = random_mask(Random(8), 300, 300, 0.3)});  // more than a tile of keys
}
/// What a mask blocks is as good as hidden, for a mask rounds no logit, whatever the scale.
template <class S>
void expect_blocked_as_hidden() {
  Question hidden{.heads = {2, 1, 6}, .lengths = {300}, .hidden = std::vector<std::uint8_t>(300)};
  Question blocked{.heads = {2, 1, 6}, .lengths = {300}, .mask = Tokens<double>::Zero(300, 300)};
  for (Index j = 2; j < 300; j += 5) {
    hidden.hidden[std::size_t(j)] = 1;
    blocked.mask.col(j).setConstant(lowest);
  }
  const Batch batch = Batch::of({300});
  const Scene scene(hidden, Random(10), 300, 300);
  const auto one = compute<S>(hidden, scene, batch, batch.hiding(hidden.hidden)),
             other = compute<S>(blocked, scene, batch, batch);
  EXPECT_EQ(one.o, other.o);
  EXPECT_EQ(one.dq, other.dq);
  EXPECT_EQ(one.dk, other.dk);
  EXPECT_EQ(one.dv, other.dv);
}
TEST(Attention, HidesWhatItsMaskBlocks) {
  expect_blocked_as_hidden<float>();
  expect_blocked_as_hidden<double>();
  expect_blocked_as_hidden<long double>();
}
TEST(Attention, KeepsItsGradientWhereAWholeRowIsPushedDown) {
  for (const double low : {-1e4, -1e9, double(std::numeric_limits<float>::lowest())}) {
    Tokens<double> mask = Tokens<double>::Zero(7, 7);
    mask.row(2).setConstant(low);
    mask.row(4).setConstant(low);
    mask(4, 1) = lowest;
    // A logit beside such a number keeps what its spacing leaves of it.
    const auto spacing = [&](double epsilon) { return 1 + std::min(1.0, -low * epsilon) / epsilon / 60; };
    check_as<float>({.mask = mask}, 1, spacing(1.2e-7));
    check_as<double>({.mask = mask}, 1, spacing(2.2e-16));
    check_as<long double>({.mask = mask}, 1, spacing(1.1e-19));
    mask.setConstant(low);  // the same number everywhere: every weight is the share of a key
    Question tied{.mask = mask};
    tied.tied = true;
    check(tied);
  }
  Question tied{.mask = Tokens<double>::Constant(7, 7, std::numeric_limits<double>::lowest())};
  tied.tied = true;
  check_as<double>(tied, 1);
}
TEST(Attention, SeesAloneWhatItsMaskLiftsHighest) {
  for (const double high : {1e4, 2e38, 3e38, double(std::numeric_limits<float>::max())}) {
    Tokens<double> mask = Tokens<double>::Zero(7, 7);
    mask.col(0).setConstant(high);
    check({.mask = mask});
    mask(4, 3) = -high;
    mask(5, 1) = lowest;
    check({.heads = {4, 2, 3}, .mask = mask});
  }
  Tokens<double> mask = Tokens<double>::Zero(7, 7);
  mask.col(0).setConstant(std::numeric_limits<double>::max());
  check_as<double>({.mask = mask}, 1);
}
TEST(Attention, IsNoNumberWhereItsMaskIsNone) {
  for (const double none : {-lowest, std::numeric_limits<double>::quiet_NaN()}) {
    Question ask{.lengths = {7}, .mask = Tokens<double>::Zero(7, 7)};
    ask.mask(3, 2) = none;
    const Batch batch = Batch::of(ask.lengths);
    const auto answer = compute<float>(ask, Scene(ask, Random(1), 7, 7), batch, batch);
    EXPECT_TRUE(answer.o.row(3).hasNaN());
    EXPECT_TRUE(answer.o.topRows(3).allFinite());
  }
}
TEST(Attention, KeepsItsGradientWhereKeysAreTiedAndLogitsLarge) {
  for (const double spread : {1e2, 1e4}) check({.lengths = {6, 300}, .spread = spread, .tied = true}, 1, 4);
}
TEST(Attention, TurnsProductsIntoLogits) {
  check({.scores = {.width = 7}});
  check({.scores = {.softcap = 1.5}});
  check({.heads = {4, 4, 3}, .scores = {.alibi = true}});
  check({.heads = {4, 4, 3}, .scores = {.alibi = true}, .lengths = {300}});  // more than a tile of keys
  check({.heads = {4, 2, 3},
         .reach = {.causal = true, .window = 4},
         .scores = {.width = 2, .softcap = 0.7, .alibi = true},
         .mask = random_mask(Random(7), 7, 7, 0.3)});
}
/// Keys and a sink whose logits are numbers near the largest: one column a head, so that a logit is q k.
template <class S>
void expect_numbers_of_large_logits() {
  const S most = std::numeric_limits<S>::max();
  const auto answer = [&](S q, Tokens<double> k, Tokens<double> sinks, Tokens<double> mask) {
    Question ask{.heads = {1, 1, 1}, .lengths = {1}, .key_lengths = {2}, .mask = mask, .sinks = sinks.size() > 0};
    Scene scene(ask, Random(1), 1, 2);
    scene.q.setConstant(double(q));
    scene.k = k;
    scene.v << 1, 3;
    scene.dy.setOnes();
    if (ask.sinks) scene.sinks = sinks;
    const auto got = compute<S>(ask, scene, Batch::of(ask.lengths), Batch::of(ask.key_lengths));
    EXPECT_TRUE(got.dq.allFinite() && got.dk.allFinite() && got.dv.allFinite() && got.dsinks.allFinite());
    EXPECT_NEAR(double(got.dv.sum()), ask.sinks ? double(got.o(0, 0)) / 2 : 1, 1e-6);
    return double(got.o(0, 0));
  };
  const Tokens<double> none, zeros = Tokens<double>::Zero(1, 2), equal = Tokens<double>::Ones(2, 1);
  const Tokens<double> apart{{1}, {-1}}, first_less{{0.5}, {1}}, first_infinite{{lowest}, {-1}};
  for (const Tokens<double>& mask : {none, zeros}) {
    for (const S large : {most, S(0.75) * most, S(-0.75) * most, -most}) {
      EXPECT_NEAR(answer(large, equal, none, mask), 2, 1e-6) << large;
      EXPECT_NEAR(answer(large, apart, none, mask), large > 0 ? 1 : 3, 1e-6) << large;
    }
    EXPECT_NEAR(answer(most, first_less, none, mask), 3, 1e-6);
    EXPECT_NEAR(answer(most, first_infinite, none, mask), 3, 1e-6) << "below every number";
    EXPECT_NEAR(answer(1, equal, Tokens<double>::Constant(1, 1, double(S(0.9) * most)), mask), 0, 1e-6);
    EXPECT_NEAR(answer(1, equal, Tokens<double>::Constant(1, 1, double(S(-0.9) * most)), mask), 2, 1e-6);
  }
}
TEST(Attention, HasNumbersWhereLogitsAreLarge) {
  expect_numbers_of_large_logits<float>();
  expect_numbers_of_large_logits<double>();
}

TEST(Attention, HasSinks) {
  check({.heads = {4, 2, 3}, .sinks = true});
  check({.lengths = {4, 3}, .sinks = true, .hidden = {1, 1, 1, 1, 0, 0, 0}});
  check({.reach = {.causal = true, .window = 2}, .lengths = {300}, .sinks = true});
}

TEST(Attention, KeysMayBeSharedBySequences) {
  const Batch batch = Batch::of({3, 0, 5}), copies = Batch::of({4, 4, 4});
  const Question ask{.heads = {4, 2, 3}};
  const Scene once(ask, Random(2), batch.tokens(), 4);
  Scene often = once;
  often.k = once.k.replicate(3, 1);
  often.v = once.v.replicate(3, 1);
  const auto apart = compute<double>(ask, often, batch, copies);
  Workspace<double> workspace;
  const Pass<double> pass{.batch = batch, .workspace = workspace};
  const Attention<double> attention{ask.heads};
  Tokens<double> o = once.q, dq = once.q, dk = once.k, dv = once.v, stats(batch.tokens(), 8);
  const SharedKeys prompts{.count = 4, .readers = batch.sequences()};
  attention.forward(pass, prompts, {}, {once.q, once.k, once.v}, o, stats);
  attention.backward(pass, prompts, {}, {once.q, once.k, once.v}, o, stats, once.dy, {dq, dk, dv});
  EXPECT_EQ(o, apart.o);
  EXPECT_EQ(dq, apart.dq);
  const auto sum = [](const Tokens<double>& m) { return (m.topRows(4) + m.middleRows(4, 4) + m.bottomRows(4)).eval(); };
  EXPECT_TRUE(dk.isApprox(sum(apart.dk), 1e-14));
  EXPECT_TRUE(dv.isApprox(sum(apart.dv), 1e-14));
}

TEST(Attention, EqualHeadsGiveGroupedQueriesTheirExpansion) {
  const Question grouped{.heads = {4, 2, 3}};
  Question expanded{.heads = {4, 4, 3}};
  const Batch batch = Batch::of(grouped.lengths);
  const Scene scene(grouped, Random(8), batch.tokens(), batch.tokens());
  Scene repeated = scene;
  repeated.k.resize(batch.tokens(), 12);
  repeated.v.resize(batch.tokens(), 12);
  for (Index h = 0; h < 4; ++h) {
    repeated.k.middleCols(3 * h, 3) = scene.k.middleCols(h / 2 * 3, 3);
    repeated.v.middleCols(3 * h, 3) = scene.v.middleCols(h / 2 * 3, 3);
  }
  const auto few = compute<float>(grouped, scene, batch, batch),
             many = compute<float>(expanded, repeated, batch, batch);
  EXPECT_EQ(few.o, many.o);
  EXPECT_EQ(few.dq, many.dq);
}

/// Infinite values have the same effect alone and in company.
TEST(Attention, AWeightOfZeroHidesAnInfiniteValueInAnyCompany) {
  const Question ask{.heads = {1, 1, 1}};
  const Batch alone = Batch::of({2}), company = Batch::of({2, 3}).hiding(std::vector<std::uint8_t>{0, 0, 1, 0, 0});
  Scene scene(ask, Random(9), 5, 5);
  scene.q << 1, 1, 1, 1, 1;
  scene.k << 0, -1e5, 0, 0, 0;  // the second key's weight is 0 in float
  scene.v << 1, std::numeric_limits<double>::infinity(), 2, 3, 4;
  Scene first = scene;
  for (auto* m : {&first.q, &first.k, &first.v, &first.dy}) m->conservativeResize(2, 1);
  const auto one = compute<float>(ask, first, alone, alone), many = compute<float>(ask, scene, company, company);
  EXPECT_EQ(one.o(0, 0), 1);
  EXPECT_EQ(one.o, many.o.topRows(2));
  EXPECT_EQ(one.dq, many.dq.topRows(2));
  EXPECT_EQ(one.dv, many.dv.topRows(2));
}
TEST(Attention, AWeightOfZeroHidesAnInfiniteValueOfALongSequence) {
  const Question ask{.heads = {1, 1, 70}};
  const Batch batch = Batch::of({500});
  Scene scene(ask, Random(9), 500, 500);
  scene.q.setOnes();
  scene.k.setZero();
  scene.v.setOnes();
  scene.k(1, 0) = -1e5;
  scene.v(1, 0) = std::numeric_limits<double>::infinity();
  const auto answer = compute<float>(ask, scene, batch, batch);
  EXPECT_TRUE(answer.o.isOnes());
  EXPECT_TRUE(answer.dq.allFinite());
  EXPECT_TRUE(answer.dk.allFinite());
  EXPECT_TRUE(answer.dv.allFinite());
}

}  // namespace
