// Trains a small LLaMA on a general text, goes on with the documents of a domain, and tunes it to a task of the domain, with
// few labels and many: PMC-LLaMA's recipe.
// ctest: --depth 2 --width 16 --heads 2 --general-steps 12 --domain-steps 4 --task-steps 2 --batch 2 --length 16 --classes 3 --few 1 --many 2 --tested 2 --seeds 2 --out continue_training_example_test
// labels: slow
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "../support/program.hpp"
#include "report.hpp"

namespace {

void report(const Results& results, const Options& options) {
  if (results.text.empty())
    throw std::runtime_error("Stopped while the general text was trained on: nothing to report.");
  std::cout << "\nLosses on held-out text, nats a character:\n\n" << text_table(results);
  if (!results.task.empty()) {
    std::cout << "\nTold right of " << options.classes
              << " documents, %, with so many labels of each; and the loss on the "
              << "general text after the many:\n\n"
              << task_table(results, options);
  }
  std::cout << '\n'
            << written(options.out, "continue_training", "continued.csv and task.csv", [&] { write_curves(results); })
            << '\n';
}

void work(const Options& options) {
  const std::filesystem::path source = RESIDUAL_SOURCE_DIR;
  const Text general(options.general.empty() ? files_below(source / "include", ".hpp", "--general") : options.general);
  const Documents domain(options.domain.empty() ? files_below(source / "docs", ".md", "--domain") : options.domain,
                         general, options.length, options.classes);
  std::cout << "General text: " << general.characters() << " characters; domain: " << domain.texts().size()
            << " documents; " << domain.alphabet() << " different characters." << std::endl;
  const residual::Threads pool(options.threads);
  Results results;
  Study(options, general, domain, pool).run(results);
  report(results, options);
}

}  // namespace

int main(int argc, char** argv) {
  return run_program<Options>("continue_training",
                              "Continues to train a small LLaMA on a domain and tunes it to a task.", argc, argv, work);
}
