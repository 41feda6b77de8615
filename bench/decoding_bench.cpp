// Generating n tokens with a language model of 4 blocks and 256 words, the most likely one each time: with the keys and
// values of earlier tokens in a cache, and with all of them computed again for every token. tokens/s counts new tokens.
#include "measure.hpp"
#include "residual/decode/decoding.hpp"
#include "residual/decode/generate.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/pre_ln.hpp"

namespace {

using bench::Batch;
using bench::Index;
using Model = residual::LanguageModel<residual::Encoder<residual::PreLN<float>>>;
using Texts = std::vector<std::vector<int>>;

struct Generation {
  Index dim, sequences, tokens;

  explicit Generation(const benchmark::State& state)
      : dim(state.range(0)),
        sequences(state.range(1)),
        tokens(state.range(2)),
        model(residual::language_model(residual::PreLN<float>(dim),
                                       {.dim = dim, .heads = dim / 32, .hidden = 4 * dim, .depth = 4},
                                       residual::Embedding<float>(256, dim, tokens))),
        theta(model),
        prompts(std::size_t(sequences), {1}) {
    theta.flat() = 0.05f * residual::Column<float>::Random(theta.size());
  }
  void count(benchmark::State& state) const {
    state.counters["tokens/s"] =
        benchmark::Counter(double(sequences * tokens), benchmark::Counter::kIsIterationInvariantRate);
  }

  Model model;
  residual::Parameters<Model> theta;
  Texts prompts;
};

void with_cache(benchmark::State& state) {
  const Generation g(state);
  residual::Decoding decoding(g.model, g.theta, {.sequences = g.sequences, .longest = g.tokens});
  for (auto _ : state) {
    decoding.start(g.sequences);
    benchmark::DoNotOptimize(residual::greedy(decoding, g.prompts, {.tokens = g.tokens}));
  }
  g.count(state);
}

void without_cache(benchmark::State& state) {
  const Generation g(state);
  residual::Tape tape(g.model, residual::Keep::nothing);
  for (auto _ : state) {
    Texts texts = g.prompts;
    for (Index n = 1; n <= g.tokens; ++n) {
      const Batch batch = Batch::of(std::vector<Index>(texts.size(), n));
      std::vector<int> tokens;
      for (const auto& text : texts) tokens.insert(tokens.end(), text.begin(), text.end());
      const auto logits = residual::forward(g.model, g.theta, tape, batch, tokens);
      for (std::size_t i = 0; i < texts.size(); ++i) {
        texts[i].push_back(residual::most_likely(residual::next_logits(logits, batch, Index(i))));
      }
    }
    benchmark::DoNotOptimize(texts);
  }
  g.count(state);
}

void every_generation(benchmark::internal::Benchmark* runs) {
  runs->ArgNames({"d", "batch", "n"})->Unit(benchmark::kMillisecond);
  for (const Index dim : {64, 256}) {
    runs->Args({dim, 1, 64})->Args({dim, 1, 256})->Args({dim, 8, 64});
  }
}

BENCHMARK(with_cache)->Name("decoding/with_cache")->Apply(every_generation);
BENCHMARK(without_cache)->Name("decoding/without_cache")->Apply(every_generation);

}  // namespace
