// What ResiDual's second stream costs: its time over Post-LN's, the two in turn.
#include "block_runs.hpp"
#include "in_turn.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/resi_dual.hpp"

namespace {

using bench::Index;

template <class Runs>
bench::Contestant contestant(const char* name, const bench::Shape& s, Runs& runs) {
  return {name, [&] {
            runs.forward();
            if (s.backward) runs.backward();
          }};
}

void resi_dual_over_post_ln(benchmark::State& state, Index depth) {
  const bench::Shape s(state);
  bench::BlockRuns<residual::PostLN<float>> post_ln(s, depth);
  bench::BlockRuns<residual::ResiDual<float>> resi_dual(s, depth);
  bench::time_in_turn(state, {contestant("post_ln", s, post_ln), contestant("resi_dual", s, resi_dual)});
}

void two_shapes(benchmark::internal::Benchmark* runs) {
  runs->ArgNames({"d", "batch", "n", "backward"})->Unit(benchmark::kMicrosecond);
  for (const Index backward : {0, 1}) runs->Args({64, 8, 64, backward})->Args({256, 8, 64, backward});
}

BENCHMARK_CAPTURE(resi_dual_over_post_ln, one_block, 1)->Apply(bench::every_shape)->MinTime(2);
BENCHMARK_CAPTURE(resi_dual_over_post_ln, six_blocks, 6)->Apply(two_shapes)->MinTime(2);

}  // namespace
