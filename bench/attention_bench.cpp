// Self- and cross-attention of T tokens in sequences of n, memory of the same shape: 8 T d^2 flops in the projections and
// 4 n T d for the logits and the weighted values; causal self-attention needs (n + 1) / 2n of the latter.
#include "measure.hpp"
#include "residual/layers/cross_attention.hpp"
#include "residual/layers/self_attention.hpp"

namespace {

double projection_flops(const bench::Shape& s) { return 8.0 * double(s.tokens() * s.dim * s.dim); }
double full_flops(const bench::Shape& s) { return 4.0 * double(s.length * s.tokens() * s.dim); }
double causal_flops(const bench::Shape& s) { return 2.0 * double((s.length + 1) * s.tokens() * s.dim); }

void self_attention(benchmark::State& state) {
  const bench::Shape s(state);
  const residual::SelfAttention<float> layer{.dim = s.dim, .heads = s.heads()};
  bench::time_layer(state, s, layer, projection_flops(s) + full_flops(s));
}
void causal_self_attention(benchmark::State& state) {
  const bench::Shape s(state);
  const residual::SelfAttention<float> layer{.dim = s.dim, .heads = s.heads(), .causal = true};
  bench::time_layer(state, s, layer, projection_flops(s) + causal_flops(s));
}
void cross_attention(benchmark::State& state) {
  const bench::Shape s(state);
  const residual::CrossAttention<float> layer{.dim = s.dim, .heads = s.heads()};
  bench::time_layer(state, s, layer, projection_flops(s) + full_flops(s));
}

BENCHMARK(self_attention)->Apply(bench::every_shape);
BENCHMARK(causal_self_attention)->Apply(bench::every_shape);
BENCHMARK(cross_attention)->Apply(bench::every_shape);

}  // namespace
