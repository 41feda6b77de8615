// Trains two language models of each residual scheme, one on code and one on prose or the pixels of pictures, from one seed
// model and from two, and merges them in several ways.
// ctest: --depth 2 --width 16 --steps 12 --batch 2 --length 16 --seeds 2 --points 3 --out merge_example_test
// ctest: --second pictures --depth 2 --width 16 --steps 12 --batch 2 --length 16 --points 3 --seeds 1 --schemes Pre-LN --out merge_pictures_test
// labels: slow
#include <iostream>
#include <stdexcept>

#include "../support/program.hpp"
#include "options.hpp"
#include "report.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "study.hpp"

namespace {

/// Runs the study of the scheme of that name.
bool run_scheme(const Options& options, const Branches& branches, const residual::Threads& pool, Progress& progress,
                Study& study) {
  if (study.scheme == "Post-LN") {
    return run(residual::PostLN<float>(options.width), options, branches, pool, progress, study);
  }
  if (study.scheme == "Pre-LN")
    return run(residual::PreLN<float>(options.width), options, branches, pool, progress, study);
  return run(residual::ResiDual<float>(options.width), options, branches, pool, progress, study);
}

std::vector<Study> run_all(const Options& options, const Branches& branches) {
  constexpr Index models = 5;  // of a study
  const residual::Threads pool(options.threads);
  Progress progress(Index(options.schemes.size() * options.seeds) * models, options.steps,
                    options.batch * options.length);
  std::vector<Study> studies;
  for (const std::string& scheme : options.schemes) {
    for (std::uint64_t seed = options.first_seed; seed < options.first_seed + options.seeds; ++seed) {
      Study study{scheme, seed};
      if (!run_scheme(options, branches, pool, progress, study)) return studies;
      studies.push_back(std::move(study));
    }
  }
  return studies;
}

void report(const std::vector<Study>& studies, const Options& options, const Branches& branches) {
  if (studies.empty()) throw std::runtime_error("Stopped before the first models were merged: nothing to report.");
  std::cout << '\n'
            << losses_of(studies, options, branches) << "\nlosses on what was held out, nats a token\n\n"
            << distances_of(studies, options)
            << "\nbarrier: how far the mean loss between the two models rises above the line between theirs\n"
               "distance, cosine, flipped signs: of what training changed in the two models of one seed model\n\n"
            << written(options.out, "merge", "curves.csv", [&] { write_curves(studies, options, branches); }) << '\n';
}

void work(const Options& options) {
  const Branches two = branches(options);
  std::cout << "Models of " << two.each[0].name << " and of " << two.each[1].name << ", of " << two.vocabulary
            << " different tokens." << std::endl;
  report(run_all(options, two), options, two);
}

}  // namespace

int main(int argc, char** argv) {
  return run_program<Options>("merge", "Merges models of two texts, or of text and pictures, for each residual scheme.",
                              argc, argv, work);
}
