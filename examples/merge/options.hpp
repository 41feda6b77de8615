#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "../support/options.hpp"

/// What the command line says.
struct Options : ModelOptions, RunOptions {
  Index steps = 400;
  double rate = 2e-3, lambda = 0.75, gamma = 1;
  Index points = 11;
  std::vector<std::string> schemes{"Post-LN", "Pre-LN", "ResiDual"};
  std::string second = "prose", fashion;
  std::vector<std::string> code, prose;

  Options() { width = 48, seeds = 2, out = "merge_out"; }

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    ModelOptions::add_to(app);
    app.add_option("--steps", steps, "training steps of each seed model, and of each model trained from it")
        ->check(from_one_to(most_steps));
    app.add_option("--rate", rate, "AdamW's highest learning rate")->check(from_zero_to(1000.0));
    app.add_option("--lambda", lambda, "of task arithmetic")->check(from_zero_to(1000.0));
    app.add_option("--gamma", gamma, "of RegMean: the factor of the Gram matrices' off-diagonals")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--points", points, "of the curve of losses against the weight")->check(CLI::Range(2, 1000));
    app.add_option("--schemes", schemes, "which schemes, in which order")
        ->check(CLI::IsMember({"Post-LN", "Pre-LN", "ResiDual"}));
    app.add_option("--second", second, "what models of code are merged with models of")
        ->check(CLI::IsMember({"prose", "pictures"}));
    app.add_option("--code", code, "files of the first text; without any: the library's headers")
        ->check(CLI::ExistingFile);
    app.add_option("--prose", prose, "files of the second text; without any: the library's documents")
        ->check(CLI::ExistingFile);
    app.add_option("--fashion", fashion,
                   "folder of Fashion-MNIST's four files, unpacked; without it pictures are drawn")
        ->check(CLI::ExistingDirectory);
    RunOptions::add_to(app, "runs of each scheme");
  }
};
