// One encoder block of each scheme: self-attention and feed-forward, 24 T d^2 + 4 n T d flops for T tokens in sequences
// of n.
#include "block_runs.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"

namespace {

template <class W>
void block(benchmark::State& state) {
  const bench::Shape s(state);
  bench::BlockRuns<W> runs(s, 1);
  bench::time(state, s, runs, double(s.tokens() * s.dim) * double(24 * s.dim + 4 * s.length));
}

BENCHMARK(block<residual::PostLN<float>>)->Name("block/post_ln")->Apply(bench::every_shape);
BENCHMARK(block<residual::PreLN<float>>)->Name("block/pre_ln")->Apply(bench::every_shape);
BENCHMARK(block<residual::ResiDual<float>>)->Name("block/resi_dual")->Apply(bench::every_shape);

}  // namespace
