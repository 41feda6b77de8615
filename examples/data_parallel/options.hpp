#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "../support/ranks/failure.hpp"
#include "residual/core/view.hpp"

using residual::Index;

/// What the command line says. All ranks must be given the same.
struct Options {
  Index depth = 6, width = 64, heads = 4;
  Index steps = 100, batch = 16, length = 64;
  double rate = 1e-3, max_norm = 1;
  std::uint64_t seed = 1;
  std::string train = "*";
  std::string text = RESIDUAL_SOURCE_DIR "/README.md";
  bool check = false;
  Failure failure;

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    app.add_option("--depth", depth, "layers, each of self-attention and feed-forward")->check(CLI::Range(1, 1000));
    app.add_option("--width", width, "features of a token; 4 times as many in feed-forward")
        ->check(CLI::Range(1, 1 << 16));
    app.add_option("--heads", heads, "attention heads; they divide the width")->check(CLI::Range(1, 1 << 16));
    app.add_option("--steps", steps, "training steps")->check(CLI::Range(1, 1'000'000'000));
    app.add_option("--batch", batch, "sequences in a step, on all ranks together")->check(CLI::Range(1, 1'000'000));
    app.add_option("--length", length, "characters in the longest sequences; the shortest have half as many")
        ->check(CLI::Range(1, 1'000'000));
    app.add_option("--rate", rate, "AdamW's learning rate")->check(CLI::Range(0.0, 1000.0));
    app.add_option("--max-norm", max_norm, "to which the gradient is clipped")->check(CLI::Range(0.0, 1e9));
    app.add_option("--train", train, "which tensors are trained, by their names with *; the others are frozen");
    app.add_option("--seed", seed, "of the weights and of the places of the sequences");
    app.add_option("--text", text, "what to train on; rank 0 reads it");
    app.add_flag("--check", check, "at the end, rank 0 does it all again alone and compares the parameters");
    failure.add_to(app);
  }
};
