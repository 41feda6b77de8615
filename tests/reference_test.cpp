// Every layer, forward and backward, against its formulas as they stand in a textbook.
// group: layers
#include <gtest/gtest.h>

#include "reference/layers.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/layers/attention/rotary.hpp"
#include "residual/layers/feed_forward.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/layers/self_attention.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"
#include "support/single_layer.hpp"

namespace {

using namespace residual;
using reference::Matrix;
using test_support::Random;
using test_support::SingleLayer;

/// A layer on its own with random numbers, and what it computed.
template <class L>
struct Run {
  using S = typename L::Scalar;
  SingleLayer<L> model;
  Batch batch;
  Parameters<SingleLayer<L>> theta, g;
  Tokens<S> x, dy, y, dx;

  Run(const L& layer, const std::vector<Index>& lengths, Index in, std::uint64_t seed = 1)
      : model{layer}, batch(Batch::of(lengths)), theta(model), g(model) {
    Random random(seed);
    test_support::randomise(theta, random.bits());
    x = random.tokens(batch.tokens(), in).template cast<S>();
    dy = random.tokens(batch.tokens(), model.output_cols()).template cast<S>();
    dx = Tokens<S>::Zero(x.rows(), x.cols());
    Tape tape(model);
    y = forward(model, theta, tape, batch, x);
    backward(model, theta, tape, dy, g, {.x = dx});
  }
};
template <class S>
Matrix wide(const Tokens<S>& m) {
  return m.template cast<long double>();
}
template <class M>
Matrix view(const M& m) {
  return m.template cast<long double>();
}
template <class S>
reference::Linear linear(const typename Linear<S>::Params& p) {
  reference::Linear l{view(p.weight), reference::RowVector::Zero(p.weight.cols())};
  if (p.bias.size() > 0) l.b = p.bias.template cast<long double>();
  return l;
}

template <class S, class A>
void expect_near(const char* what, const A& got, const Matrix& expected, long double factor = 1) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  const long double most = std::max<long double>(expected.cwiseAbs().maxCoeff(), 1);
  const long double tolerance = 200 * factor * (long double)(std::numeric_limits<S>::epsilon()) * most;
  for (Index i = 0; i < expected.rows(); ++i) {
    for (Index j = 0; j < expected.cols(); ++j) {
      ASSERT_LE(std::abs((long double)(got(i, j)) - expected(i, j)), tolerance)
          << what << "(" << i << ", " << j << "): " << got(i, j) << " for " << expected(i, j);
    }
  }
}
template <class S>
void expect_linear(const char* what, const typename Linear<S>::Params& got, const reference::Linear::Gradient& expected,
                   long double factor = 1) {
  expect_near<S>(what, got.weight, expected.W, factor);
  if (got.bias.size() > 0) expect_near<S>(what, got.bias, expected.b, factor);
}

template <class S>
class Reference : public testing::Test {};
TYPED_TEST_SUITE(Reference, test_support::EveryScalar);

/// Tokens of more than one block of rows of a feed-forward.
const std::vector<Index> lengths{row_block(Serial::instance(), 1 << 20) + 5, 0, 3};

TYPED_TEST(Reference, Linear) {
  using S = TypeParam;
  for (const bool bias : {true, false}) {
    const Run<Linear<S>> run(Linear<S>{37, 19, bias}, lengths, 37);
    const auto plain = linear<S>(*run.theta);
    const auto g = plain.pull(wide(run.x), wide(run.dy));
    expect_near<S>("y", run.y, plain.forward(wide(run.x)));
    expect_near<S>("dx", run.dx, g.x);
    expect_linear<S>("linear", *run.g, g, 10);
  }
}

TYPED_TEST(Reference, Norms) {
  using S = TypeParam;
  const Run<LayerNorm<S>> layer(LayerNorm<S>(21, S(1e-3)), lengths, 21);
  const reference::Norm plain{layer.theta->gamma.template cast<long double>(),
                              layer.theta->beta.template cast<long double>(), (long double)(S(1e-3))};
  const auto g = plain.pull(wide(layer.x), wide(layer.dy));
  expect_near<S>("y", layer.y, plain.forward(wide(layer.x)));
  expect_near<S>("dx", layer.dx, g.x);
  expect_near<S>("dgamma", layer.g->gamma, g.gamma, 10);
  expect_near<S>("dbeta", layer.g->beta, g.beta, 10);
  for (const double offset : {0., 1.}) {
    const Run<RMSNorm<S>> rms(RMSNorm<S>(21, S(1e-3), true, offset), lengths, 21);
    reference::RowVector gain = rms.theta->weight.template cast<long double>();
    gain.array() += offset;
    const reference::Norm root{gain, reference::RowVector::Zero(21), (long double)(S(1e-3)), false};
    const auto r = root.pull(wide(rms.x), wide(rms.dy));
    expect_near<S>("y", rms.y, root.forward(wide(rms.x)));
    expect_near<S>("dx", rms.dx, r.x);
    expect_near<S>("dweight", rms.g->weight, r.gamma, 10);
  }
}

constexpr Activation activations[] = {Activation::gelu_erf, Activation::gelu_tanh, Activation::silu,
                                      Activation::relu_squared};

TYPED_TEST(Reference, FeedForward) {
  using S = TypeParam;
  for (const Activation activation : activations) {
    const Run<FeedForward<S>> run(FeedForward<S>{9, 30, activation}, lengths, 9);
    const reference::FeedForward plain{linear<S>(run.theta->linear1), linear<S>(run.theta->linear2), activation};
    const auto g = plain.pull(wide(run.x), wide(run.dy));
    const long double slopes = 1 + 1e-11L / (long double)(std::numeric_limits<S>::epsilon());
    expect_near<S>("y", run.y, plain.forward(wide(run.x)));
    expect_near<S>("dx", run.dx, g.first.x, slopes);
    expect_linear<S>("linear1", run.g->linear1, g.first, 10 * slopes);
    expect_linear<S>("linear2", run.g->linear2, g.second, 10 * slopes);
  }
}

TYPED_TEST(Reference, GatedFeedForward) {
  using S = TypeParam;
  for (const Activation activation : activations) {
    const Run<GatedFeedForward<S>> run(GatedFeedForward<S>{9, 30, activation}, lengths, 9);
    const reference::GatedFeedForward plain{linear<S>(run.theta->gate_proj), linear<S>(run.theta->up_proj),
                                            linear<S>(run.theta->down_proj), activation};
    const auto g = plain.pull(wide(run.x), wide(run.dy));
    const long double slopes = 1 + 1e-11L / (long double)(std::numeric_limits<S>::epsilon());
    expect_near<S>("y", run.y, plain.forward(wide(run.x)));
    expect_near<S>("dx", run.dx, g.x, slopes);
    expect_linear<S>("gate", run.g->gate_proj, g.gate, 10 * slopes);
    expect_linear<S>("up", run.g->up_proj, g.up, 10 * slopes);
    expect_linear<S>("down", run.g->down_proj, g.down, 10 * slopes);
  }
}

/// One head, so that the layer is its projections around the plain softmax; with and without rotation.
TYPED_TEST(Reference, SelfAttentionOfOneHead) {
  using S = TypeParam;
  for (const bool rotates : {false, true}) {
    using A = SelfAttentionWith<S, Optional<Rotary<S>>>;
    A layer{.dim = 6, .heads = 1, .causal = true};
    if (rotates) std::get<0>(layer.maps).map.emplace(6);
    const Index n = 9;
    const Run<A> run(layer, {n}, 6);
    const auto in = linear<S>(run.theta->in_proj), out = linear<S>(run.theta->out_proj);
    const Matrix qkv = in.forward(wide(run.x));
    const auto turned = [&](Matrix m, int direction) {
      for (Index t = 0; rotates && t < n; ++t) {
        for (Index i = 0; i < 3; ++i) reference::rotate(m(t, i), m(t, i + 3), direction * t, i, 6, 10000);
      }
      return m;
    };
    reference::Attention head{.q = turned(qkv.leftCols(6), 1),
                              .k = turned(qkv.middleCols(6, 6), 1),
                              .v = qkv.rightCols(6),
                              .bias = Matrix::Zero(n, n),
                              .scale = 1 / std::sqrt(6.0L)};
    for (Index i = 0; i < n; ++i) {
      for (Index j = i + 1; j < n; ++j) head.bias(i, j) = -std::numeric_limits<long double>::infinity();
    }
    const auto dout = out.pull(head.o(), wide(run.dy));
    const auto dhead = head.pull(dout.x);
    Matrix dqkv(n, 18);
    dqkv << turned(dhead.q, -1), turned(dhead.k, -1), dhead.v;
    const auto din = in.pull(wide(run.x), dqkv);
    expect_near<S>("y", run.y, out.forward(head.o()), 10);
    expect_near<S>("dx", run.dx, din.x, 10);
    expect_linear<S>("in_proj", run.g->in_proj, din, 10);
    expect_linear<S>("out_proj", run.g->out_proj, dout, 10);
  }
}

}  // namespace
