// Emergent abilities, a mirage? Language models of several sizes add numbers, autoencoders of several sizes draw images
// again; the same outputs are judged by sharp and by smooth metrics.
// ctest: --widths 8 12 --depth 1 --heads 2 --digits 2 --steps 12 --batch 4 --tests 60 --small 20 --bottlenecks 2 8 --side 5 --image-steps 12 --images 30 --seeds 2 --out mirage_example_test
// ctest: --widths 8 --depth 1 --heads 2 --digits 2 --steps 12 --batch 4 --tests 60 --bottlenecks 2 8 --side 5 --image-steps 12 --images 30 --seeds 1 --stop-after 30 --out mirage_stopped_test
// labels: slow
#include <iostream>

#include "../support/gnuplot.hpp"
#include "../support/program.hpp"
#include "adders.hpp"
#include "autoencoders.hpp"
#include "closed_form.hpp"
#include "figure.hpp"
#include "report.hpp"

namespace {

void report(const std::vector<Adder>& adders, const std::vector<Autoencoder>& autoencoders, const Exam& exam,
            const Options& options) {
  const Judge judge(exam);
  const auto adder_sizes = by_size(adders);
  const auto autoencoder_sizes = by_size(autoencoders);
  const auto lengths = lengths_of(adder_sizes, judge);
  std::vector<Curve> curves;
  const auto add = [&](const std::vector<Curve>& own) { curves.insert(curves.end(), own.begin(), own.end()); };
  if (!autoencoders.empty()) {
    std::cout << "\nAutoencoders on " << options.images << " images, mean ± deviation over seeds\n\n"
              << autoencoders_table(autoencoder_sizes, options);
    if (autoencoder_sizes.size() > 1) add(curves_of(autoencoder_sizes, options));
  }
  if (!adders.empty()) {
    std::cout << "\nLanguage models on " << judge.tests() << " additions, mean ± deviation over seeds\n\n"
              << adders_table(adder_sizes, judge)
              << "\nThe first L digits of their answers; p: share of right digits\n\n"
              << lengths_table(lengths) << "\nWhat small test sets show of whole answers\n\n"
              << small_sets_table(adder_sizes, judge, options.small);
    if (adder_sizes.size() > 1) add(curves_of(adder_sizes, judge));
  }
  if (!curves.empty()) {
    std::cout << "\nHow much each metric looks like a jump; negative: it falls\n\n"
              << jumps_table(curves, options.small);
  }
  std::cout << '\n'
            << written(options.out, "closed_form", "closed_form.csv",
                       [&] {
                         write_closed_form({options.alpha}, judge.places());
                         write_closed_form_script(judge.places());
                       })
            << '\n';
  if (autoencoders.empty()) return;
  std::cout << written(options.out, "mirage", "images.csv, lengths.csv and choices.csv", [&] {
    write_images(autoencoder_sizes, options);
    write_lengths(lengths, judge.places());
    write_choices(adder_sizes, judge.tests());
    write_script(!adders.empty(), judge.places(), options.thresholds);
  }) << '\n';
}

void work(const Options& options) {
  for (const Index width : options.widths) adder_model(width, options).check();
  const residual::Threads pool(options.threads);
  const Exam exam(options);
  const auto autoencoders = train_autoencoders(options, pool);
  const auto adders = Interrupt::asked() ? std::vector<Adder>() : train_adders(options, exam, pool);
  report(adders, autoencoders, exam, options);
}

}  // namespace

int main(int argc, char** argv) {
  return run_program<Options>(
      "mirage", "Judges the same outputs of models of growing size by sharp and by smooth metrics.", argc, argv, work);
}
