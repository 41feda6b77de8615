// What activation checkpointing costs and saves: the time of a training step and the memory of its tape, in MiB, beside those
// of a tape that keeps everything.
#include "block_runs.hpp"
#include "in_turn.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"

namespace {

using bench::Index;
using residual::Recompute;

template <class W>
void recompute(benchmark::State& state) {
  const bench::Shape s(state);
  bench::BlockRuns<W> nothing(s, 6), sublayers(s, 6, Recompute::sublayers), blocks(s, 6, Recompute::blocks);
  const auto step = [](auto& runs) {
    return [&runs] {
      runs.forward();
      runs.backward();
    };
  };
  bench::time_in_turn(state, {{"nothing", step(nothing)}, {"sublayers", step(sublayers)}, {"blocks", step(blocks)}});
  state.counters["nothing_MiB"] = nothing.mebibytes();
  state.counters["sublayers_MiB"] = sublayers.mebibytes();
  state.counters["blocks_MiB"] = blocks.mebibytes();
}

void shapes(benchmark::internal::Benchmark* runs) {
  runs->ArgNames({"d", "batch", "n", "backward"})->Unit(benchmark::kMillisecond);
  for (const Index dim : {64, 512}) runs->Args({dim, 8, 128, 1});
}

BENCHMARK_TEMPLATE(recompute, residual::PostLN<float>)->Apply(shapes)->MinTime(24);
BENCHMARK_TEMPLATE(recompute, residual::PreLN<float>)->Apply(shapes)->MinTime(24);
BENCHMARK_TEMPLATE(recompute, residual::ResiDual<float>)->Apply(shapes)->MinTime(24);

}  // namespace
