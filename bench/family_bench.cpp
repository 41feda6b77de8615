// What every scheme of the family costs: its time and its tape over Post-LN's, the two in turn, for six blocks of 8 x 64
// tokens. --benchmark_min_time=8 --benchmark_counters_tabular=true makes the table of docs/benchmarks.md.
#include "in_turn.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/residual.hpp"
#include "residual/wiring/any_scheme.hpp"

namespace {

using namespace residual;
using Scheme = AnyScheme<float>;

/// Passes through six blocks of a scheme.
class Passes {
 public:
  Passes(const Scheme& scheme, Index dim, bool trains)
      : model_(residual::encoder(
            scheme,
            {.dim = dim, .heads = dim / 32, .hidden = 4 * dim, .depth = 6, .activation = Activation::gelu_tanh})),
        batch_(Batch::of(std::vector<Index>(8, 64))),
        theta_(model_),
        gradient_(model_),
        tape_(model_, trains ? Keep::for_backward : Keep::nothing),
        x_(Tokens<float>::Random(batch_.tokens(), dim)),
        dx_(Tokens<float>::Zero(batch_.tokens(), dim)),
        trains_(trains) {
    initialise(theta_, 1);
  }
  void run() {
    forward(model_, theta_, tape_, batch_, x_);
    if (trains_) backward(model_, theta_, tape_, x_, gradient_, {.x = dx_});
  }
  double bytes() const { return double(tape_.bytes()); }

 private:
  Encoder<Scheme> model_;
  Batch batch_;
  Parameters<Encoder<Scheme>> theta_, gradient_;
  Tape<Encoder<Scheme>> tape_;
  Tokens<float> x_, dx_;
  bool trains_;
};

void over_post_ln(benchmark::State& state, Scheme (*scheme)(Index dim)) {
  const Index dim = state.range(0);
  const bool trains = state.range(1) != 0;
  Passes post_ln(PostLN<float>(dim), dim, trains), other(scheme(dim), dim, trains);
  bench::time_in_turn(state, {{"post_ln", [&] { post_ln.run(); }}, {"scheme", [&] { other.run(); }}});
  state.counters["tape"] = other.bytes() / post_ln.bytes();
}

template <class W>
Scheme of_width(Index dim) {
  return W(dim);
}

void sizes(benchmark::internal::Benchmark* runs) {
  runs->ArgNames({"d", "training"})->Unit(benchmark::kMillisecond);
  for (const Index dim : {64, 512}) runs->Args({dim, 0})->Args({dim, 1});
}

const bool registered = [] {
  const std::pair<const char*, Scheme (*)(Index)> family[] = {
      {"PreLN", of_width<PreLN<float>>},
      {"ResiDual", of_width<ResiDual<float>>},
      {"DeepNorm", [](Index dim) -> Scheme { return DeepNorm<float>(dim, 1.8); }},
      {"Admin", of_width<Admin<float>>},
      {"PeriLN", of_width<PeriLN<float>>},
      {"OutputNorm", of_width<OutputNorm<float>>},
      {"LayerNormScaling", of_width<LayerNormScaling<float>>},
      {"MixLN", of_width<MixLN<float>>},
      {"ReZero", of_width<ReZero<float>>},
      {"SkipInit", of_width<SkipInit<float>>},
      {"LayerScale", of_width<LayerScale<float>>},
      {"ParallelBlock", of_width<ParallelBlock<float>>},
      {"Keel", of_width<Keel<float>>},
      {"B2T", of_width<B2T<float>>},
      {"SiameseNorm", of_width<SiameseNorm<float>>},
      {"X0Injection", of_width<X0Injection<float>>},
      {"HyperConnections", of_width<HyperConnections<float>>},
      {"DynamicHyperConnections", of_width<DynamicHyperConnections<float>>},
      {"ManifoldHyperConnections", of_width<ManifoldHyperConnections<float>>},
      {"AttentionResiduals", of_width<AttentionResiduals<float>>},
      {"BlockAttentionResiduals", of_width<BlockAttentionResiduals<float>>},
      {"DenseFormer", of_width<DenseFormer<float>>},
      {"DlclPre", of_width<DlclPre<float>>},
      {"DlclPost", of_width<DlclPost<float>>},
  };
  for (const auto& [name, scheme] : family) {
    sizes(benchmark::RegisterBenchmark(name, over_post_ln, scheme));
  }
  return true;
}();

}  // namespace
