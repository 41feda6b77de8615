// What frozen weights save: the time of a training step when only norms and biases are trained, or only the attention, over
// that of a step for everything.
#include "block_runs.hpp"
#include "in_turn.hpp"
#include "residual/wiring/pre_ln.hpp"

namespace {

namespace parts = residual::parts;

void frozen(benchmark::State& state) {
  const bench::Shape s(state);
  bench::BlockRuns<residual::PreLN<float>> everything(s, 6), rows(s, 6), attention(s, 6);
  rows.train_only([](const residual::Part& part) { return !parts::weights(part); });
  attention.train_only(parts::attention);
  const auto step = [](auto& runs) {
    return [&runs] {
      runs.forward();
      runs.backward();
    };
  };
  bench::time_in_turn(
      state, {{"everything", step(everything)}, {"norms_and_biases", step(rows)}, {"attention", step(attention)}});
}

BENCHMARK(frozen)
    ->ArgNames({"d", "batch", "n", "backward"})
    ->Unit(benchmark::kMillisecond)
    ->Args({64, 8, 128, 1})
    ->Args({512, 8, 128, 1})
    ->MinTime(24);

}  // namespace
