// Trains a small LLaMA on one text and adapts it to another in five ways, LLaMA-Adapter's among them; then to pictures and
// the text at once.
// ctest: --depth 2 --width 16 --heads 2 --early-blocks 1 --base-steps 12 --steps 4 --batch 2 --length 16 --picture-steps 2 --pictures 2 --tested-pictures 4 --seeds 2 --out adapt_example_test
// labels: slow
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "../support/drawn_pictures.hpp"
#include "../support/fashion_mnist.hpp"
#include "../support/program.hpp"
#include "report.hpp"

namespace {

Texts read_texts(const Options& options) {
  const std::filesystem::path source = RESIDUAL_SOURCE_DIR;
  const Text base(options.base.empty() ? files_below(source / "include", ".hpp", "--base") : options.base);
  const Text text(options.text.empty() ? files_below(source / "docs", ".md", "--text") : options.text, base);
  for (const Text* each : {&base, &text}) each->held_out(1, options.length);  // throws when it is too short
  return {base, text};
}

/// Adds runs to the results until all are made or somebody asks to stop.
void run_all(const Options& options, const Texts& texts, const PictureSource& pictures, Results& results) {
  const residual::Threads pool(options.threads);
  const Words words = options.picture_steps > 0 ? words_of(pictures, texts[1]) : Words();
  const auto base = base_model(options, texts, pool);
  if (!base) return;
  Passes<Llama> passes(base->model(), pool);
  results.parameters = base->size();
  results.base_on_base = text_loss(passes, *base, texts[0], options);
  results.base_on_text = text_loss(passes, *base, texts[1], options);

  const LlamaSizes sizes = options.sizes(texts[1].alphabet());
  const auto ways = methods(sizes, options);
  const auto joint_ways = joint_methods(sizes, options);
  const auto seeds = options.first_seed + options.seeds;
  Progress progress(Index(ways.size() * options.seeds), options.steps, options.batch * options.length);
  for (std::uint64_t seed = options.first_seed; seed < seeds; ++seed) {
    for (const Method& way : ways) {
      const auto run = adapt_to_text(way, *base, seed, options, texts, pool, progress);
      if (!run) return;
      results.text.push_back(*run);
    }
  }
  if (options.picture_steps == 0) return;
  Progress of_pictures(Index(joint_ways.size() * options.seeds), options.picture_steps,
                       options.batch * options.length + options.pictures * Patches::each);
  for (std::uint64_t seed = options.first_seed; seed < seeds; ++seed) {
    for (const JointMethod& way : joint_ways) {
      const auto run = adapt_to_both(way, *base, seed, options, texts, pictures, words, pool, of_pictures);
      if (!run) return;
      results.pictures.push_back(*run);
    }
  }
}

void report(const Results& results, const PictureSource& pictures, const Options& options) {
  if (results.text.empty()) throw std::runtime_error("Stopped before the base model was adapted: nothing to report.");
  std::cout << "\nThe base model of " << results.parameters
            << " parameters, adapted to the new text; losses on held-out text, nats a character:\n\n"
            << text_table(results);
  if (!results.pictures.empty()) {
    std::cout << "\nAdapted to pictures (" << pictures.name << ", " << pictures.words.size()
              << " words) and the new text at once:\n\n"
              << picture_table(results);
  }
  std::cout << '\n' << written(options.out, "adapt", "curves.csv", [&] { write_curves(results); }) << '\n';
}

void work(const Options& options) {
  options.check();
  const Texts texts = read_texts(options);
  const PictureSource pictures = options.fashion.empty() ? drawn_pictures() : fashion_mnist(options.fashion);
  std::cout << "Base model's text: " << texts[0].characters() << " characters; new text: " << texts[1].characters()
            << "; " << texts[1].alphabet() << " different ones." << std::endl;
  Results results;
  run_all(options, texts, pictures, results);
  report(results, pictures, options);
}

}  // namespace

int main(int argc, char** argv) {
  return run_program<Options>("adapt", "Adapts a small LLaMA to another text and to pictures, in several ways.", argc,
                              argv, work);
}
