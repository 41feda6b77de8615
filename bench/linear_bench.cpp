// Linear from d to d columns: 2 T d^2 flops for T tokens.
#include "residual/layers/linear.hpp"

#include "measure.hpp"

namespace {

void linear(benchmark::State& state) {
  const bench::Shape s(state);
  bench::time_layer(state, s, residual::Linear<float>{s.dim, s.dim}, 2.0 * double(s.tokens() * s.dim * s.dim));
}

BENCHMARK(linear)->Apply(bench::every_shape);

}  // namespace
