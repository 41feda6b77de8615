// FeedForward, 16 T d^2 flops for T tokens and 4 d hidden units and every activation; GatedFeedForward, 24 T d^2.
#include "residual/layers/feed_forward.hpp"

#include "measure.hpp"
#include "residual/layers/gated_feed_forward.hpp"

namespace {

using residual::Activation;

void feed_forward(benchmark::State& state, Activation activation) {
  const bench::Shape s(state);
  const double flops = 4.0 * double(s.tokens() * s.dim * s.hidden());
  bench::time_layer(state, s, residual::FeedForward<float>{s.dim, s.hidden(), activation}, flops);
}
void gated_feed_forward(benchmark::State& state, Activation activation) {
  const bench::Shape s(state);
  const double flops = 6.0 * double(s.tokens() * s.dim * s.hidden());
  bench::time_layer(state, s, residual::GatedFeedForward<float>{s.dim, s.hidden(), activation}, flops);
}

BENCHMARK_CAPTURE(feed_forward, relu, Activation::relu)->Apply(bench::every_shape);
BENCHMARK_CAPTURE(feed_forward, gelu_erf, Activation::gelu_erf)->Apply(bench::every_shape);
BENCHMARK_CAPTURE(feed_forward, gelu_tanh, Activation::gelu_tanh)->Apply(bench::every_shape);
BENCHMARK_CAPTURE(feed_forward, silu, Activation::silu)->Apply(bench::every_shape);
BENCHMARK_CAPTURE(gated_feed_forward, silu, Activation::silu)->Apply(bench::every_shape);
BENCHMARK_CAPTURE(gated_feed_forward, gelu_erf, Activation::gelu_erf)->Apply(bench::every_shape);

}  // namespace
