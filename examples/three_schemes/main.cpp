// Trains a character language model of each residual scheme on the same text, with the same seeds and the same budget,
// and shows what became of them.
// ctest: --depth 2 --width 16 --steps 12 --seeds 2 --out three_schemes_test
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "../support/program.hpp"
#include "options.hpp"
#include "outputs.hpp"
#include "plot.hpp"
#include "table.hpp"
#include "train.hpp"

namespace {

std::vector<Run> train_all(const Options& options, const Text& text) {
  const residual::Threads pool(options.threads);
  Progress progress(Index(options.schemes.size() * options.seeds), options.steps, options.batch * options.length);
  std::vector<Run> runs;
  for (const std::string& name : options.schemes) {
    for (std::uint64_t i = 0; i < options.seeds; ++i) {
      const std::uint64_t seed = options.first_seed + i;
      const Run run = train(name, options, text, seed, pool, progress);
      if (run.steps > 0) runs.push_back(run);
      if (Interrupt::asked()) return runs;
    }
  }
  return runs;
}

void report(const std::vector<Run>& runs, const Options& options, const Text& text) {
  if (runs.empty()) throw std::runtime_error("Stopped before the first step: there is nothing to report.");
  std::cout << "\n"
            << table_of(runs, options) << "\nloss: on held-out text, nats a character; the text's unigram entropy is "
            << text.unigram_entropy()
            << "\ngradient: norm over the layer's parameters, at the start, on held-out text"
               "\nsimilarity: mean cosine of what neighbouring layers read, at the end, on held-out text"
               "\nseconds: of the training steps; MiB: parameters, gradient, optimizer, activations and temporaries\n\n"
            << plot(runs, options, text.unigram_entropy()) << '\n';
}

void work(const Options& options) {
  residual::expect(!options.resume || std::filesystem::is_directory(options.save), "There is no folder ", options.save,
                   " to resume from; give the folder that --save was given, or leave out --resume.");
  residual::expect(options.first_seed <= ~std::uint64_t(0) - options.seeds, "Seed ", options.first_seed, " has no ",
                   options.seeds, " seeds behind it; give a smaller --first-seed.");
  residual::expect(options.warmup <= options.steps, "The rate would rise for ", options.warmup,
                   " steps, but there are ", options.steps, "; give a smaller --warmup.");
  expect_outputs(options);
  const Text text(options.text.empty() ? own_text(RESIDUAL_SOURCE_DIR) : options.text);
  std::cout << "Text: " << text.characters() << " characters, " << text.alphabet()
            << " different ones, unigram entropy " << text.unigram_entropy() << " nats." << std::endl;
  report(train_all(options, text), options, text);
}

}  // namespace

int main(int argc, char** argv) {
  return run_program<Options>("three_schemes",
                              "Trains a character language model of each residual scheme and compares them.", argc,
                              argv, work);
}
