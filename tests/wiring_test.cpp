// What a residual scheme may do with its sub-layers and norms: anything else is a sentence in the first pass.
// group: schemes
#include <gtest/gtest.h>

#include <functional>

#include "residual/residual.hpp"
#include "support/expect_sentence.hpp"
#include "support/gradient_problem.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;
using test_support::Random;

/// A scheme whose forward and backward a test writes, with a norm and two tapes for it at every sub-layer.
template <class S>
struct Written {
  using Scalar = S;
  using Norms = BoundNorms<LayerNorm<S>, PerSite<ParamsOf<LayerNorm<S>>>, PerSite<TapeOf<LayerNorm<S>>>>;
  using Pulls = BoundNormPulls<LayerNorm<S>, PerSite<ParamsOf<LayerNorm<S>>>, PerSite<TapeOf<LayerNorm<S>>>>;
  using Forward = void (*)(Sublayers<S>& f, const Norms& LN, const Norms& again, In<S> x0, Out<S> y);
  using Backward = void (*)(Sublayers<S>& f, const Pulls& LN, const Pulls& again, In<S> x0, In<S> dy, Out<S> dx0);
  LayerNorm<S> norm;
  Forward there;
  Backward back;

  bool operator==(const Written&) const = default;
  Index dim() const { return norm.dim; }
  struct Params {
    PerSite<ParamsOf<LayerNorm<S>>> norm;
    void carve(ParamListing<S>& list, const Written& w) { list.each_site("norm", norm, w.norm); }
  };
  struct Tape {
    PerSite<TapeOf<LayerNorm<S>>> norm, again;
    void carve(TapeListing<S>& list, const Written& w) {
      list.each_site(norm, w.norm);
      list.each_site(again, w.norm);
    }
  };
  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    there(f, f.bind(norm, p.norm, t.norm), f.bind(norm, p.norm, t.again), x0, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0, Params& g) const {
    back(f, f.bind(norm, p.norm, t.norm, g.norm), f.bind(norm, p.norm, t.again, g.norm), x0, dy, dx0);
  }
};

using D = Written<double>;
const Wanted narrow{.dim = 8, .causal = true};

/// x' = x + f(LN(x)), right in both directions.
const D::Forward pre_ln = [](auto& f, const auto& LN, const auto&, auto x0, auto y) {
  auto x = f.stream(x0);
  auto u = f.temp(), v = f.temp();
  for (const Site k : f.sites()) {
    LN[k](x, u);
    f[k](u, v);
    x += v;
  }
  y = x;
};
const D::Backward pre_ln_pull = [](auto& f, const auto& LN, const auto&, auto, auto dy, auto dx0) {
  auto dx = f.stream(dy);
  auto u = f.temp();
  for (const Site k : f.sites_backwards()) {
    auto du = f.zeros();
    f[k].pull(LN[k].output(u), dx, du);
    LN[k].pull(du, dx);
  }
  dx0 += dx;
};

/// The sentence comes in the first pass that does it: in training, in inference and in decoding.
void expect_refused_forward(D::Forward forward, const std::vector<std::string>& words) {
  const auto problem = encoder_problem(narrow, D{LayerNorm<double>(8), forward, pre_ln_pull});
  for (const Keep keep : {Keep::for_backward, Keep::nothing}) {
    Tape tape(problem.model, keep);
    expect_sentence([&] { tape.forward(problem.model, problem.theta, problem.input()); }, words);
  }
  Decoding decoding(problem.model, problem.theta, {.sequences = 2, .longest = 9});
  decoding.start(2);
  const Tokens<double> x = problem.x.topRows(2);
  expect_sentence([&] { decoding.step(x); }, words);
}
void expect_refused_backward(D::Backward backward, const std::vector<std::string>& words) {
  const auto problem = encoder_problem(narrow, D{LayerNorm<double>(8), pre_ln, backward});
  auto tape = problem.tape();
  expect_sentence([&] { problem.run(tape); }, words);
}

TEST(Scheme, WrittenHereIsPreLN) {
  const auto here = encoder_problem(narrow, D{LayerNorm<double>(8), pre_ln, pre_ln_pull});
  const auto theirs = encoder_problem(
      narrow, PreLN<double, LayerNorm<double>, Identity<double>>(LayerNorm<double>(8), Identity<double>()));
  const auto a = here.run();
  const auto b = theirs.run();
  EXPECT_TRUE(same_bits(a.y, b.y));
  EXPECT_TRUE(same_bits(a.gradient.flat(), b.gradient.flat()));
}

TEST(Scheme, CallsASubLayerOnce) {
  expect_refused_forward(
      [](auto& f, const auto& LN, const auto&, auto x0, auto y) {
        auto x = f.stream(x0);
        auto a = f.temp(), b = f.temp();
        for (const Site k : f.sites()) {
          f[k](x, a);
          a += x;
          f[k](a, b);  // as in x' = LN(x + f(x + f(x)))
          LN[k](x + b, x);
        }
        y = x;
      },
      {"Sub-layer 0 of block 0", "twice in a pass", "once for each site"});
}

TEST(Scheme, GivesASubLayerOtherMemoryToWrite) {
  expect_refused_forward(
      [](auto& f, const auto& LN, const auto&, auto x0, auto y) {
        auto x = f.stream(x0);
        auto u = f.temp();
        for (const Site k : f.sites()) {
          LN[k](x, u);
          f[k](u, u);
          x += u;
        }
        y = x;
      },
      {"Sub-layer 0 of block 0", "reads and writes the same matrix in f[k](x, y)", "f.temp()"});
  expect_refused_backward(
      [](auto& f, const auto& LN, const auto&, auto, auto dy, auto dx0) {
        auto dx = f.stream(dy);
        auto u = f.temp();
        for (const Site k : f.sites_backwards()) f[k].pull(LN[k].output(u), dx, dx);
        dx0 += dx;
      },
      {"Sub-layer 1 of block 1", "the same matrix in f[k].pull(x, dy, dx)", "f.zeros()"});
}

TEST(Scheme, CallsANormOnceWithOneTape) {
  expect_refused_forward(
      [](auto& f, const auto& LN, const auto&, auto x0, auto y) {
        auto x = f.stream(x0);
        auto u = f.temp(), v = f.temp();
        for (const Site k : f.sites()) {
          LN[k](x, u);
          f[k](u, v);
          LN[k](v, u);
          x += u;
        }
        y = x;
      },
      {"norm", "twice in a pass with one tape", "a field of its own"});
}

/// One norm before and behind the sub-layer, x' = x + LN(f(LN(x))): the same parameters, a tape for each call.
TEST(Scheme, MayCallANormTwiceWithTwoTapes) {
  const auto make = [&]<class S>(S) {
    return encoder(Written<S>{LayerNorm<S>(8),
                              [](auto& f, const auto& LN, const auto& again, auto x0, auto y) {
                                auto x = f.stream(x0);
                                auto u = f.temp(), v = f.temp();
                                for (const Site k : f.sites()) {
                                  LN[k](x, u);
                                  f[k](u, v);
                                  again[k](v, u);
                                  x += u;
                                }
                                y = x;
                              },
                              [](auto& f, const auto& LN, const auto& again, auto, auto dy, auto dx0) {
                                auto dx = f.stream(dy);
                                auto u = f.temp();
                                for (const Site k : f.sites_backwards()) {
                                  auto dv = f.zeros(), du = f.zeros();
                                  again[k].pull(dx, dv);
                                  f[k].pull(LN[k].output(u), dv, du);
                                  LN[k].pull(du, dx);
                                }
                                dx0 += dx;
                              }},
                   narrow.sizes());
  };
  Random random(1);
  const auto report = check_gradient(make, random_scene(random, 8, false), random);
  EXPECT_TRUE(report) << report.message();
}

TEST(Scheme, PullsOnlyWhatItCalled) {
  const D::Forward skips = [](auto& f, const auto& LN, const auto&, auto x0, auto y) {
    auto x = f.stream(x0);
    auto u = f.temp();
    for (const Site k : f.sites()) {
      if (k.number() + 1 < k.count()) f[k](x, u);
      LN[k](x + u, x);
    }
    y = x;
  };
  const auto problem = encoder_problem(narrow, D{LayerNorm<double>(8), skips, pre_ln_pull});
  auto tape = problem.tape();
  expect_sentence([&] { problem.run(tape); }, {"gradient of sub-layer 1 of block 1", "did not call it", "mirror"});
  expect_refused_backward(
      [](auto& f, const auto&, const auto& again, auto, auto dy, auto dx0) {
        auto dx = f.stream(dy);
        for (const Site k : f.sites_backwards()) again[k].pull(dx, dx0);
      },
      {"norm", "forward did not call it", "mirror"});
  expect_refused_backward(
      [](auto& f, const auto&, const auto&, auto x0, auto dy, auto dx0) {
        auto dx = f.stream(dy);
        for (const Site k : f.sites_backwards()) f[k](x0, dx);
        dx0 += dx;
      },
      {"Sub-layer 1 of block 1", "called in backward"});
}

TEST(Scheme, SaysHowManyStreamsItTakes) {
  expect_refused_forward(
      [](auto& f, const auto&, const auto&, auto x0, auto y) {
        auto a = f.stream(x0), b = f.stream(x0);
        for (const Site k : f.sites()) f[k](a, b);
        y = b;
      },
      {"took 2 streams", "says it has 1", "f.stream(x0)"});
}

// ---------------------------------------------------------------------------------------- two sub-layers of one type

template <class S>
using Macaron = Stack<PreLN<S>, Named<"ffn1.", FeedForward<S>>, SelfAttention<S>, Named<"ffn2.", FeedForward<S>>>;
template <class S>
Macaron<S> macaron(bool causal = false) {
  return {PreLN<S>(6),
          {{{6, 9, Activation::silu}}, {6, 2, causal}, {{6, 7, Activation::gelu_erf}}},
          /*depth*/ 2};
}

TEST(Macaron, NamesItsFeedForwardsApart) {
  const Parameters<Macaron<double>> theta(macaron<double>());
  std::vector<std::string> names;
  for (const auto& tensor : theta.manifest()) names.push_back(tensor.name);
  const std::vector<std::string> first = {"layers.0.ffn1.linear1.weight", "layers.0.ffn1.linear1.bias",
                                          "layers.0.ffn1.linear2.weight", "layers.0.ffn1.linear2.bias",
                                          "layers.0.self_attn.in_proj_weight"};
  EXPECT_EQ(std::vector<std::string>(names.begin(), names.begin() + 5), first);
  EXPECT_NE(std::find(names.begin(), names.end(), "layers.1.ffn2.linear2.weight"), names.end());
  EXPECT_NE(std::find(names.begin(), names.end(), "layers.1.norm3.weight"), names.end());
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

TEST(Macaron, HasItsGradient) {
  for (std::uint64_t number = 0; number < 8; ++number) {
    Random random(number);
    const auto scene = random_scene(random, 6, false);
    const auto report = check_gradient([&]<class S>(S) { return macaron<S>(); }, scene, random);
    EXPECT_TRUE(report) << report.message();
  }
}

TEST(Macaron, Decodes) {
  const Macaron<float> model = macaron<float>(/*causal*/ true);
  Parameters theta(model);
  randomise(theta, 2);
  const Tokens<float> x = random_tokens<float>(5, 6, 3);
  Tape tape(model);
  const Tokens<float> y = forward(model, theta, tape, Batch::of({5}), x);
  Decoding decoding(model, theta, {.sequences = 1, .longest = 5});
  decoding.start(1);
  for (Index i = 0; i < 5; ++i) {
    const Tokens<float> xi = x.row(i);
    EXPECT_TRUE(same_bits(decoding.step(xi), y.row(i))) << "token " << i;
  }
}

// ------------------------------------------------------------------------------------------ schemes chosen at run time

TEST(AnyScheme, ComputesWhatTheSchemeItselfComputes) {
  const auto check = [](const auto& scheme) {
    using W = std::decay_t<decltype(scheme)>;
    using S = typename W::Scalar;
    Wanted wide = narrow;
    wide.dropout = 0.2;
    auto own = encoder_problem(wide, scheme);
    auto any = encoder_problem(wide, AnyScheme<S>(scheme));
    own.seed = any.seed = 4;
    const auto a = own.run();
    const auto b = any.run();
    EXPECT_EQ(own.theta.fingerprint(), any.theta.fingerprint());
    EXPECT_TRUE(same_bits(a.y, b.y));
    EXPECT_TRUE(same_bits(a.dx, b.dx));
    EXPECT_TRUE(same_bits(a.gradient.flat(), b.gradient.flat()));
  };
  check(PostLN<float>(8));
  check(PreLN<double>(8));
  check(ResiDual<float>(LayerNorm<float>(8), LayerNorm<float>(8), 0.5f, 2));
  check(DeepNorm<double>(8, 1.5));
}

TEST(AnyScheme, IsEqualToAnEqualScheme) {
  using Any = AnyScheme<float>;
  const Any a = PostLN<float>(8), same = PostLN<float>(8), wider = PostLN<float>(9), other = PreLN<float>(8);
  EXPECT_TRUE(a == same);
  EXPECT_FALSE(a == wider);
  EXPECT_FALSE(a == other);
  EXPECT_EQ(Any(ResiDual<float>(8)).streams(), 2);
  EXPECT_EQ(a.streams(), 1);
  const Sizes sizes{.dim = 8, .heads = 2, .hidden = 4, .depth = 1, .bias = false};
  for (const auto& tensor : Parameters<Encoder<Any>>::manifest(encoder(other, sizes))) {
    EXPECT_EQ(tensor.name.find("bias"), std::string::npos) << tensor.name;
  }
}

/// Fields that a scheme forgot to list are a sentence where they are used first.
template <bool params, bool tape, bool last_params, bool last_tape>
struct Forgetful : PreLN<double> {
  using PreLN<double>::PreLN;
  bool operator==(const Forgetful&) const = default;
  struct Params : PreLN<double>::Params {
    void carve(ParamListing<double>& list, const Forgetful& w) {
      if (params) list.each_site("norm", norm, w.norm);
      if (last_params) list.once("norm.", last, w.last);
    }
  };
  struct Tape : PreLN<double>::Tape {
    void carve(TapeListing<double>& list, const Forgetful& w) {
      if (tape) list.each_site(norm, w.norm);
      if (last_tape) list.once(last, w.last);
    }
  };
};
template <class W>
void expect_forgotten(const std::vector<std::string>& words) {
  const auto problem = encoder_problem<W>(narrow);
  auto pass = problem.tape();
  expect_sentence([&] { pass.forward(problem.model, problem.theta, problem.input()); }, words);
}
TEST(Scheme, ListsAllItsFields) {
  expect_forgotten<Forgetful<false, true, true, true>>({"asked for its entry 0", "has 0", "Params::carve"});
  expect_forgotten<Forgetful<true, false, true, true>>({"asked for its entry 0", "has 0", "Tape::carve"});
  expect_forgotten<Forgetful<true, true, false, true>>({"norm", "Params::carve does not list its parameters"});
  expect_forgotten<Forgetful<true, true, true, false>>({"norm", "Tape::carve does not list its tape"});
  EXPECT_NO_THROW((encoder_problem<Forgetful<true, true, true, true>>(narrow).run()));
}

/// With Recompute::blocks the tape of the block before is not there any more.
TEST(Scheme, ReadsOnlyTheTapesOfItsBlock) {
  const D::Forward post_ln = [](auto& f, const auto& LN, const auto&, auto x0, auto y) {
    auto x = f.stream(x0);
    auto a = f.temp();
    for (const Site k : f.sites()) {
      f[k](x, a);
      LN[k](x + a, x);
    }
    y = x;
  };
  const D::Backward reads_before = [](auto& f, const auto& LN, const auto&, auto x0, auto dy, auto dx0) {
    auto dx = f.stream(dy);
    auto u = f.temp();
    for (const Site k : f.sites_backwards()) {
      auto da = f.zeros();
      LN[k].pull(dx, da);
      dx = da;
      f[k].pull(k.is_first() ? x0 : LN[k - 1].output(u), da, dx);
    }
    dx0 += dx;
  };
  auto problem = encoder_problem(narrow, D{LayerNorm<double>(8), post_ln, reads_before});
  EXPECT_NO_THROW(problem.run());
  problem.model.recompute = Recompute::blocks;
  auto pass = problem.tape();
  expect_sentence([&] { problem.run(pass); }, {"norm in block 0", "in block 1", "f.stream_before"});
}

/// A scheme that does not say which norms it has cannot lose their biases silently.
TEST(Scheme, NamesItsNormsWhereTheirBiasesAreToGo) {
  const Sizes sizes{.dim = 8, .heads = 2, .hidden = 4, .depth = 1, .bias = false};
  expect_sentence([&] { encoder(D{LayerNorm<double>(8), pre_ln, pre_ln_pull}, sizes); }, {"norms", "std::tie"});
}

}  // namespace
