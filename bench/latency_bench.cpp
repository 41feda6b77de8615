// How long one call takes, over 100 000 calls on one thread: the median, the 99 and 99.9 % and the longest, in microseconds,
// by the clock on the wall, which counts what else the machine does, and by that of the process; and how many allocations all
// of them make. Pre-LN, 4 blocks, inference from a plan:
// - encoder: one sequence of n tokens
// - decoder_step: one token behind 0 to 63 others, with cross-attention to a memory of n tokens
// - streaming_frame: one frame of a stream of up to 1000, of which self-attention sees the last n frames
// - endless_frame: that of a stream that never ends
#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>

#include "measure.hpp"
#include "residual/decode/decoding.hpp"
#include "residual/model/decoder.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/plan.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/heap_count.hpp"

namespace {

using bench::Batch;
using bench::Index;
using bench::Tokens;
using residual::PreLN;

constexpr Index calls = 100'000;

residual::Sizes sizes(Index dim) { return {.dim = dim, .heads = dim / 32, .hidden = 4 * dim, .depth = 4}; }

/// Counters NAME_p50, NAME_p99, NAME_p99.9 and NAME_max.
void report(benchmark::State& state, const std::string& name, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) { return times[std::size_t(share * double(times.size() - 1))]; };
  state.counters[name + "_p50"] = at(0.5);
  state.counters[name + "_p99"] = at(0.99);
  state.counters[name + "_p99.9"] = at(0.999);
  state.counters[name + "_max"] = times.back();
}

/// Times call(), in front of each of which prepare() runs untimed.
template <class Prepare, class Call>
void time_calls(benchmark::State& state, Prepare&& prepare, Call&& call) {
  using Microseconds = std::chrono::duration<double, std::micro>;
  std::vector<double> wall, cpu;
  wall.reserve(std::size_t(calls));
  cpu.reserve(std::size_t(calls));
  for (Index warm = 0; warm < 100; ++warm) {  // memory grows
    prepare();
    call();
  }
  long allocations = 0;
  for (auto _ : state) {
    prepare();
    const std::clock_t cpu_begin = std::clock();
    const auto begin = std::chrono::steady_clock::now();
    allocations += test_support::allocations(call);
    wall.push_back(Microseconds(std::chrono::steady_clock::now() - begin).count());
    cpu.push_back(1e6 * double(std::clock() - cpu_begin) / CLOCKS_PER_SEC);
  }
  report(state, "wall", std::move(wall));
  report(state, "cpu", std::move(cpu));
  state.counters["allocations"] = double(allocations);
}

template <class M>
residual::Plan<M> random_plan(const M& model) {
  residual::Parameters theta(model);
  theta.flat() = 0.05f * residual::Column<float>::Random(theta.size());
  return residual::Plan<M>(theta);
}

void encoder(benchmark::State& state) {
  const Index dim = state.range(0), n = state.range(1);
  const auto model = residual::encoder(PreLN<float>(dim), sizes(dim));
  const auto plan = random_plan(model);
  residual::Tape tape(model, residual::Keep::nothing);
  const Batch batch = Batch::of({n});
  const Tokens<float> x = Tokens<float>::Random(n, dim);
  time_calls(
      state, [] {}, [&] { benchmark::DoNotOptimize(forward(model, plan, tape, batch, x).data()); });
}

/// A stack whose self-attention sees the last n tokens.
auto windowed(Index dim, Index n) {
  auto of = sizes(dim);
  of.causal = true;
  of.window = n;
  return residual::encoder(PreLN<float>(dim), of);
}

/// Steps of one token, which begin again with start() when there is no room for another one.
template <class M, class Start>
void time_steps(benchmark::State& state, residual::Decoding<M>& decoding, Index dim, Start&& start) {
  const Tokens<float> x = Tokens<float>::Random(1, dim);
  start();
  time_calls(
      state,
      [&] {
        if (decoding.room(0) == 0) start();
      },
      [&] { benchmark::DoNotOptimize(decoding.step(x).data()); });
}

void decoder_step(benchmark::State& state) {
  const Index dim = state.range(0), n = state.range(1);
  auto of = sizes(dim);
  of.causal = true;
  const auto model = residual::decoder(PreLN<float>(dim), of);
  const auto plan = random_plan(model);
  residual::Decoding decoding(model, plan, {.sequences = 1, .longest = 64});
  const Tokens<float> memory = Tokens<float>::Random(n, dim);
  time_steps(state, decoding, dim, [&] { decoding.start({Batch::of({n}), memory}); });
}

void streaming_frame(benchmark::State& state) {
  const Index dim = state.range(0);
  const auto model = windowed(dim, state.range(1));
  const auto plan = random_plan(model);
  residual::Decoding decoding(model, plan, {.sequences = 1, .longest = 1000});
  time_steps(state, decoding, dim, [&] { decoding.start(1); });
}

void endless_frame(benchmark::State& state) {
  const Index dim = state.range(0);
  const auto model = windowed(dim, state.range(1));
  const auto plan = random_plan(model);
  residual::Decoding decoding(model, plan, residual::Endless{.sequences = 1, .step = 1});
  time_steps(state, decoding, dim, [&] { decoding.start(1); });
}

void every_size(benchmark::internal::Benchmark* runs) {
  runs->ArgNames({"d", "n"})->Iterations(calls)->Unit(benchmark::kMicrosecond);
  for (const Index dim : {64, 256}) runs->Args({dim, 16});
}

BENCHMARK(encoder)->Name("latency/encoder")->Apply(every_size);
BENCHMARK(decoder_step)->Name("latency/decoder_step")->Apply(every_size);
BENCHMARK(streaming_frame)->Name("latency/streaming_frame")->Apply(every_size);
BENCHMARK(endless_frame)->Name("latency/endless_frame")->Apply(every_size);

}  // namespace
