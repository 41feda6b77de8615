#pragma once

#include <benchmark/benchmark.h>

#include <vector>

#include "residual/core/parameters.hpp"
#include "residual/layers/layer.hpp"

/// What the benchmarks share: their shapes, their counters, and a layer with all that one call of it needs. Everything is
/// float on one thread. GFLOP/s counts the matrix products alone, 2 flops a multiply-add, unless a file says otherwise;
/// the way back counts twice the way there, whatever is computed again.
namespace bench {

using residual::Batch;
using residual::Index;
using residual::Tokens;

/// The arguments of a run: width, sequences, tokens of each, and whether the way back is timed too.
struct Shape {
  Index dim, sequences, length;
  bool backward;

  explicit Shape(const benchmark::State& state)
      : dim(state.range(0)), sequences(state.range(1)), length(state.range(2)), backward(state.range(3) != 0) {}
  Index heads() const { return dim == 32 ? 2 : dim <= 256 ? 4 : dim / 64; }
  Index hidden() const { return 4 * dim; }
  Index tokens() const { return sequences * length; }
  Batch batch() const { return Batch::of(std::vector<Index>(std::size_t(sequences), length)); }
};

inline void every_shape(benchmark::internal::Benchmark* runs) {
  runs->ArgNames({"d", "batch", "n", "backward"})->Unit(benchmark::kMicrosecond);
  for (const Index backward : {0, 1}) {
    for (const Index dim : {32, 64, 128, 256, 512, 768}) {
      runs->Args({dim, 1, 16, backward})->Args({dim, 8, 64, backward});
    }
  }
}

/// Times anything with forward() and backward(), whose way there takes `flops`.
template <class Runs>
void time(benchmark::State& state, const Shape& shape, Runs& runs, double flops) {
  const auto run = [&] {
    runs.forward();
    if (shape.backward) runs.backward();
  };
  run();  // memory grows
  for (auto _ : state) {
    run();
    benchmark::ClobberMemory();
  }
  using benchmark::Counter;
  state.counters["tokens/s"] = Counter(double(shape.tokens()), Counter::kIsIterationInvariantRate);
  state.counters["GFLOP/s"] = Counter(1e-9 * flops * (shape.backward ? 3 : 1), Counter::kIsIterationInvariantRate);
}

/// A layer or norm from d to d columns with random parameters, input and dy. Cross-attention finds a memory of x's shape.
template <class L>
class LayerRuns {
 public:
  using S = typename L::Scalar;

  LayerRuns(const L& layer, const Shape& shape)
      : layer_(layer),
        batch_(shape.batch()),
        x_(Tokens<S>::Random(shape.tokens(), shape.dim)),
        dy_(Tokens<S>::Random(shape.tokens(), shape.dim)),
        y_(x_),
        dx_(x_),
        memory_(x_),
        dmemory_(x_),
        theta_(layer),
        gradient_(layer),
        pass_{
            .batch = batch_, .workspace = workspace_, .memory_batch = batch_, .memory = memory_, .dmemory = dmemory_} {
    theta_.flat() = S(0.1) * residual::Column<S>::Random(theta_.size());
    tape_memory_.setZero(carve(nullptr));
    carve(tape_memory_.data());
  }
  LayerRuns(const LayerRuns&) = delete;
  LayerRuns& operator=(const LayerRuns&) = delete;

  void forward() { layer_.forward(*theta_, tape_, pass_, x_, y_); }
  void backward() {
    if constexpr (residual::Norm<L>) {
      layer_.backward(*theta_, tape_, pass_, dy_, dx_, *gradient_);
    } else {
      layer_.backward(*theta_, tape_, pass_, x_, dy_, dx_, *gradient_);
    }
  }

 private:
  Index carve(S* memory) {
    residual::Carver<S> carver(memory, residual::cache_line<S>);
    tape_.carve(carver, layer_, pass_);
    return carver.size();
  }

  L layer_;
  Batch batch_;
  residual::Workspace<S> workspace_;
  Tokens<S> x_, dy_, y_, dx_, memory_, dmemory_;
  residual::Parameters<L> theta_, gradient_;
  residual::Pass<S> pass_;
  residual::Column<S> tape_memory_;
  typename L::Tape tape_;
};

template <class L>
void time_layer(benchmark::State& state, const Shape& shape, const L& layer, double flops) {
  LayerRuns<L> runs(layer, shape);
  time(state, shape, runs, flops);
}

}  // namespace bench
