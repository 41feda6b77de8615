// What a step of decoding takes of the memory's bandwidth: one token for each of some sequences, through blocks whose weights, of
// a plan or the parameters' own, are read from memory once a step, since they are larger than the caches, and, with a context, the
// keys and values of so many tokens in front of each; beside a triad a = b + 3 c of vectors as large as the weights, and a sum of as many numbers, which
// reads alone. MB: read for the weights and the context, a step; share and share_of_sum: the triad's and the sum's time for as many
// bytes over the step's.
#include <vector>

#include "in_turn.hpp"
#include "residual/decode/decoding.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/plan.hpp"
#include "residual/wiring/pre_ln.hpp"

namespace {

using bench::Index;
using bench::Tokens;

void decoding_step(benchmark::State& state) {
  const Index dim = state.range(0), sequences = state.range(1), context = state.range(3), longest = context + 32;
  const residual::Threads threads(int(state.range(2)));
  constexpr Index numbers = 48 << 20;  // of the weights, and of the triad's vectors together
  const Index depth = numbers / (12 * dim * dim);
  const auto model = residual::encoder(
      residual::PreLN<float>(dim), {.dim = dim, .heads = dim / 64, .hidden = 4 * dim, .depth = depth, .causal = true});
  residual::Parameters theta(model);
  theta.flat() = 0.02f * residual::Column<float>::Random(theta.size());
  const residual::Plan plan(theta);
  const residual::Capacity capacity{.sequences = sequences, .longest = longest};
  auto decoding = state.range(4) != 0 ? residual::Decoding(model, plan, capacity, threads)
                                      : residual::Decoding(model, theta, capacity, threads);
  const Tokens<float> x = Tokens<float>::Random(sequences, dim),
                      before = Tokens<float>::Random(sequences * context, dim);
  const auto step = [&] {
    if (decoding.sequences() == 0 || decoding.room(0) == 0) {
      decoding.start(sequences);
      decoding.step(residual::Batch::of(std::vector<Index>(std::size_t(sequences), context)), before);
    }
    benchmark::DoNotOptimize(decoding.step(x).data());
  };

  const Index third = numbers / 3;
  residual::Column<float> a(third), b = residual::Column<float>::Ones(third), c = b;
  const auto triad = [&] {
    residual::parallel_ranges(threads, third, 1 << 16, [&](Index begin, Index end) {
      a.segment(begin, end - begin) = b.segment(begin, end - begin) + 3 * c.segment(begin, end - begin);
    });
    benchmark::ClobberMemory();
  };
  const auto numbers_read = theta.flat();
  const auto sum = [&] {
    residual::parallel_ranges(threads, numbers_read.size(), 1 << 16, [&](Index begin, Index end) {
      benchmark::DoNotOptimize(numbers_read.segment(begin, end - begin).sum());
    });
  };
  bench::time_in_turn(state, {{"step", step}, {"triad", triad}, {"sum", sum}});
  const double bytes = 4.0 * double(depth * dim * (12 * dim + 2 * sequences * context)),
               seconds = 1e-6 * state.counters["step_us"];
  state.counters["share"] = state.counters["triad"] * bytes / (4.0 * double(3 * third));
  state.counters["share_of_sum"] = state.counters["sum"] * bytes / (4.0 * double(numbers_read.size()));
  state.counters["MB"] = 1e-6 * bytes;
  state.counters["GB/s"] = 1e-9 * bytes / seconds;
  state.counters["tokens/s"] = double(sequences) / seconds;
}

BENCHMARK(decoding_step)
    ->ArgNames({"d", "sequences", "threads", "context", "plan"})
    ->Unit(benchmark::kMillisecond)
    ->ArgsProduct({{512, 768, 1024}, {1, 4, 8}, {1, 2}, {0}, {1}})
    ->ArgsProduct({{512}, {1, 8}, {1, 2}, {500}, {1}})
    ->ArgsProduct({{512, 768, 1024}, {1, 8}, {1, 2}, {0}, {0}})
    ->MinTime(2);

}  // namespace
