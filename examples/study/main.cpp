// Measures what each residual scheme does, cell by cell, and reports it.
//     study run [--only E1,E3] [--budget quick|full] [--jobs N] [--out DIR]    a stopped run goes on where it was
//     study report [--out DIR]                                                 report.html, and a CSV behind each picture
// labels: slow
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "../printed.hpp"
#include "../support/options.hpp"
#include "grid.hpp"
#include "report/report.hpp"
#include "run.hpp"

namespace {

using namespace study;

struct Options {
  std::vector<std::string> only, schemes;
  std::string budget = "quick", out = "study_out", pairs;
  Index jobs = 1, cells = 0;
  Origin origin{STUDY_COMMIT, this_machine()};
  bool mix = false, replace = false;

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    app.require_subcommand(1);
    CLI::App& run = *app.add_subcommand("run", "runs the cells of the budget that have no result yet");
    run.add_option("--only", only, "questions, separated by commas; without: all")
        ->delimiter(',')
        ->check(CLI::IsMember({"E1", "E2", "E3", "E4", "E5", "E6"}));
    run.add_option("--schemes", schemes, "schemes, separated by commas; without: all")
        ->delimiter(',')
        ->check(CLI::IsMember(scheme_names()));
    run.add_option("--jobs", jobs, "cells that run at the same time; those of E5 are timed alone")
        ->check(from_one_to(residual::most_threads));
    run.add_option("--pairs", pairs,
                   "folder of sentence pairs that examples/translation/data/fetch.py makes; without: no E4");
    run.add_option("--cells", cells, "cells after which it stops as at Ctrl-C; 0: never")
        ->check(from_zero_to(most_steps));
    CLI::App& report = *app.add_subcommand("report", "makes report.html and its CSV files of what has been run");
    report.add_flag("--replace", replace, "write over a report that is there");
    for (CLI::App* command : {&run, &report}) {
      command
          ->add_option("--budget", budget,
                       "quick: 10 minutes on two cores; full: two hours of one; tiny: seconds, to try the program")
          ->check(CLI::IsMember({"quick", "full", "tiny"}));
      command->add_option("--out", out, "folder of the study");
      command->add_option("--commit", origin.commit, "the commit that results are of");
      command->add_option("--machine", origin.machine, "the machine that results are of");
      command->add_flag("--mix", mix, "results of other commits and machines may stand beside these");
    }
  }
};

bool among(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

void run(const Options& options) {
  residual::expect(!options.pairs.empty() || options.only.empty() || !among(options.only, "E4"),
                   "E4 needs sentence pairs: give --pairs the folder that examples/translation/data/fetch.py makes.");
  const Results results(options.out);
  if (!options.mix) Results::expect_origin(results.all(), options.origin);
  std::vector<Cell> cells, timed;
  std::size_t there = 0;
  for (const Cell& cell : cells_of(budget_of(options.budget))) {
    if (!among(options.only, cell.question) || !among(options.schemes, cell.scheme)) continue;
    if (cell.question == "E4" && options.pairs.empty()) continue;
    if (results.has(cell)) {
      ++there;
    } else {
      (cell.question == "E5" ? timed : cells).push_back(cell);
    }
  }
  std::cout << cells.size() + timed.size() << " cells to run, " << there << " have a result already." << std::endl;
  const Text text(own_text(RESIDUAL_SOURCE_DIR));
  std::unique_ptr<const SentencePairs> pairs;
  if (std::any_of(cells.begin(), cells.end(), [](const Cell& cell) { return cell.question == "E4"; })) {
    pairs = std::make_unique<SentencePairs>(options.pairs);
  }
  Runner runner(results, options.origin, text, pairs.get());
  runner.run(cells, options.jobs);
  runner.run(timed, 1);
  if (Interrupt::asked()) std::cout << "Stopped; the same command goes on.\n";
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What each residual scheme does, measured."};
  Options options;
  options.add_to(app);
  CLI11_PARSE(app, argc, argv);
  Interrupt::watch(options.cells);
  try {
    if (app.got_subcommand("run")) {
      run(options);
    } else {
      const std::vector<Json> results = Results(options.out).all();
      if (!options.mix) Results::expect_origin(results, options.origin);
      write_report(results, cells_of(budget_of(options.budget)), options.out, options.replace);
    }
    expect_printed();
  } catch (const std::exception& error) {
    std::cerr << "study: " << error.what() << '\n';
    return 1;
  }
}
