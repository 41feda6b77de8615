// The embedding, 2 flops an entry (scale and position), and the output projection tied to it, 2 T d V flops for T tokens
// and V = 1000 words.
#include "residual/layers/embedding.hpp"

#include "measure.hpp"

namespace {

using bench::Index;
using bench::Tokens;
using Embedding = residual::Embedding<float>;

constexpr Index words = 1000;

struct EmbeddingRuns {
  explicit EmbeddingRuns(const bench::Shape& s)
      : layer(words, s.dim, s.length),
        batch(s.batch()),
        x(Tokens<float>::Random(s.tokens(), s.dim)),
        dx(x),
        logits(Tokens<float>::Random(s.tokens(), words)),
        theta(layer),
        gradient(layer),
        pass{.batch = batch, .workspace = workspace} {
    theta.flat().setRandom();
    for (Index i = 0; i < s.tokens(); ++i) tokens.push_back(int(i * 17 % words));
  }

  Embedding layer;
  residual::Batch batch;
  std::vector<int> tokens;
  Tokens<float> x, dx, logits;
  residual::Parameters<Embedding> theta, gradient;
  residual::Workspace<float> workspace;
  residual::Pass<float> pass;
  Embedding::Tape tape;
};

struct Lookup : EmbeddingRuns {
  using EmbeddingRuns::EmbeddingRuns;
  void forward() { layer.forward(*theta, tape, pass, {tokens}, x); }
  void backward() { layer.backward(*theta, tape, pass, {tokens}, x, *gradient); }
};
struct Projection : EmbeddingRuns {
  using EmbeddingRuns::EmbeddingRuns;
  void forward() { layer.project(*theta, pass, x, logits); }
  void backward() { layer.project_pull(*theta, pass, x, logits, dx, *gradient); }
};

void embedding(benchmark::State& state) {
  const bench::Shape s(state);
  Lookup runs(s);
  bench::time(state, s, runs, 2.0 * double(s.tokens() * s.dim));
}
void tied_projection(benchmark::State& state) {
  const bench::Shape s(state);
  Projection runs(s);
  bench::time(state, s, runs, 2.0 * double(s.tokens() * s.dim * words));
}

BENCHMARK(embedding)->Apply(bench::every_shape);
BENCHMARK(tied_projection)->Apply(bench::every_shape);

}  // namespace
