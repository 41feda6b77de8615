// LayerNorm and RMSNorm: 8 and 4 flops an entry (mean, centring, squares, scale, gamma and beta).
#include "measure.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/layers/rms_norm.hpp"

namespace {

void layer_norm(benchmark::State& state) {
  const bench::Shape s(state);
  bench::time_layer(state, s, residual::LayerNorm<float>(s.dim), 8.0 * double(s.tokens() * s.dim));
}
void rms_norm(benchmark::State& state) {
  const bench::Shape s(state);
  bench::time_layer(state, s, residual::RMSNorm<float>(s.dim), 4.0 * double(s.tokens() * s.dim));
}

BENCHMARK(layer_norm)->Apply(bench::every_shape);
BENCHMARK(rms_norm)->Apply(bench::every_shape);

}  // namespace
