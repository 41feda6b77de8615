#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "../support/options.hpp"
#include "../support/schemes.hpp"

/// What the command line says.
struct Options {
  Index depth = 12, width = 64, heads = 4;
  Index steps = 1000, batch = 8, length = 64;
  double rate = 1e-3, gain = 1;
  Index warmup = 0;
  std::uint64_t seeds = 1, first_seed = 1;
  Index threads = std::clamp(int(std::thread::hardware_concurrency()), 1, 4);
  std::vector<std::string> schemes{"Post-LN", "Pre-LN", "ResiDual"};
  std::vector<std::string> text;
  std::string out = "three_schemes_out";
  std::string save;
  bool resume = false, overwrite = false;
  Index stop_after = 0;

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    app.add_option("--depth", depth, "layers, each of self-attention and feed-forward")->check(CLI::Range(2, 1000));
    app.add_option("--width", width, "features of a token; 4 times as many in feed-forward")
        ->check(from_one_to(1 << 16));
    app.add_option("--heads", heads, "attention heads; they divide the width")->check(from_one_to(1 << 16));
    app.add_option("--steps", steps, "training steps of each model")->check(from_one_to(most_steps));
    app.add_option("--batch", batch, "sequences in a step")->check(from_one_to(1'000'000));
    app.add_option("--length", length, "characters in a sequence")->check(from_one_to(1'000'000));
    app.add_option("--rate", rate, "AdamW's highest learning rate")->check(from_zero_to(1000.0));
    app.add_option("--warmup", warmup, "steps in which the rate rises to its highest")->check(from_zero_to(most_steps));
    app.add_option("--gain", gain, "factor on the initial weights of out_proj and linear2")
        ->check(from_zero_to(1000.0));
    app.add_option("--seeds", seeds, "models of each scheme, each from a seed of its own")
        ->check(from_one_to(1'000'000));
    app.add_option("--first-seed", first_seed, "the first of these seeds");
    app.add_option("--threads", threads, "threads; they change the time, not one bit of the results")
        ->check(from_one_to(residual::most_threads));
    app.add_option("--schemes", schemes, "which schemes, in which order")->check(CLI::IsMember(scheme_names()));
    app.add_option("--text", text, "text files; without any: the library's own README and headers")
        ->check(CLI::ExistingFile);
    app.add_option("--out", out, "folder for the tables (csv) and the plot (svg)");
    auto* const folder = app.add_option("--save", save, "folder for a checkpoint of each model, written as it trains");
    auto* const again =
        app.add_flag("--resume", resume, "go on from the checkpoints in the --save folder, to the same bits")
            ->needs(folder);
    app.add_flag("--overwrite", overwrite, "replace checkpoints that are in the --save folder")
        ->needs(folder)
        ->excludes(again);
    app.add_option("--stop-after", stop_after,
                   "training steps of this call after which it stops as at Ctrl-C; 0: never")
        ->check(from_zero_to(most_steps));
  }
};
