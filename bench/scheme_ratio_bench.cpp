// What ResiDual's second stream costs: its time over Post-LN's. The two run in turn, a round each, the one that goes first
// alternating; the counters are medians over the rounds. The benchmark's own time is that of a round of both.
#include <algorithm>
#include <chrono>

#include "block_runs.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/resi_dual.hpp"

namespace {

using bench::Index;

double median(std::vector<double> values) {
  const auto middle = values.begin() + Index(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class Runs>
double microseconds(const bench::Shape& s, Runs& runs) {
  const auto start = std::chrono::steady_clock::now();
  runs.forward();
  if (s.backward) runs.backward();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

void resi_dual_over_post_ln(benchmark::State& state, Index depth) {
  const bench::Shape s(state);
  bench::BlockRuns<residual::PostLN<float>> post_ln(s, depth);
  bench::BlockRuns<residual::ResiDual<float>> resi_dual(s, depth);
  microseconds(s, post_ln), microseconds(s, resi_dual);  // the tapes grow
  std::vector<double> post_times, dual_times, ratios;
  for (auto _ : state) {
    const bool post_first = ratios.size() % 2 == 0;
    const double first = post_first ? microseconds(s, post_ln) : microseconds(s, resi_dual);
    const double second = post_first ? microseconds(s, resi_dual) : microseconds(s, post_ln);
    post_times.push_back(post_first ? first : second);
    dual_times.push_back(post_first ? second : first);
    ratios.push_back(dual_times.back() / post_times.back());
  }
  state.counters["post_ln_us"] = median(post_times);
  state.counters["resi_dual_us"] = median(dual_times);
  state.counters["ratio"] = median(ratios);
}

void two_shapes(benchmark::internal::Benchmark* runs) {
  runs->ArgNames({"d", "batch", "n", "backward"})->Unit(benchmark::kMicrosecond);
  for (const Index backward : {0, 1}) runs->Args({64, 8, 64, backward})->Args({256, 8, 64, backward});
}

BENCHMARK_CAPTURE(resi_dual_over_post_ln, one_block, 1)->Apply(bench::every_shape)->MinTime(2);
BENCHMARK_CAPTURE(resi_dual_over_post_ln, six_blocks, 6)->Apply(two_shapes)->MinTime(2);

}  // namespace
