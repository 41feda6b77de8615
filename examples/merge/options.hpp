#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "residual/core/view.hpp"

using residual::Index;

/// What the command line says.
struct Options {
  Index depth = 4, width = 48, heads = 4;
  Index steps = 400, batch = 8, length = 64;
  double rate = 2e-3, lambda = 0.75, gamma = 1;
  Index points = 11;
  std::uint64_t seeds = 2, first_seed = 1;
  Index threads = std::clamp(int(std::thread::hardware_concurrency()), 1, 4);
  std::vector<std::string> schemes{"Post-LN", "Pre-LN", "ResiDual"};
  std::vector<std::string> code, prose;
  std::string out = "merge_out";
  Index stop_after = 0;

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    app.add_option("--depth", depth, "layers, each of self-attention and feed-forward")->check(CLI::PositiveNumber);
    app.add_option("--width", width, "features of a token; 4 times as many in feed-forward")
        ->check(CLI::PositiveNumber);
    app.add_option("--heads", heads, "attention heads; they divide the width")->check(CLI::PositiveNumber);
    app.add_option("--steps", steps, "training steps of each seed model, and of each model trained from it")
        ->check(CLI::PositiveNumber);
    app.add_option("--batch", batch, "sequences in a step")->check(CLI::PositiveNumber);
    app.add_option("--length", length, "characters in a sequence")->check(CLI::PositiveNumber);
    app.add_option("--rate", rate, "AdamW's highest learning rate")->check(CLI::NonNegativeNumber);
    app.add_option("--lambda", lambda, "of task arithmetic")->check(CLI::NonNegativeNumber);
    app.add_option("--gamma", gamma, "of RegMean: the factor of the Gram matrices' off-diagonals")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--points", points, "of the curve of losses against the weight")->check(CLI::Range(2, 1000));
    app.add_option("--seeds", seeds, "runs of each scheme, each from a seed of its own")->check(CLI::PositiveNumber);
    app.add_option("--first-seed", first_seed, "the first of these seeds");
    app.add_option("--threads", threads, "threads; they change the time, not one bit of the results")
        ->check(CLI::PositiveNumber);
    app.add_option("--schemes", schemes, "which schemes, in which order")
        ->check(CLI::IsMember({"Post-LN", "Pre-LN", "ResiDual"}));
    app.add_option("--code", code, "files of the first text; without any: the library's headers")
        ->check(CLI::ExistingFile);
    app.add_option("--prose", prose, "files of the second text; without any: the library's documents")
        ->check(CLI::ExistingFile);
    app.add_option("--out", out, "folder for the tables (csv) and the plot (svg)");
    app.add_option("--stop-after", stop_after, "training steps after which it stops as at Ctrl-C; 0: never")
        ->check(CLI::NonNegativeNumber);
  }
};
