#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>

#include "residual/core/view.hpp"
#include "residual/kernel/parallel.hpp"

using residual::Index;

inline CLI::Range from_one_to(Index most) { return CLI::Range(Index(1), most); }
template <class T>
CLI::Range from_zero_to(T most) {
  return CLI::Range(T(0), most);
}
inline constexpr Index most_steps = 1'000'000'000;  ///< of a training

/// Sizes of a small language model, and of the steps in which it is trained.
struct ModelOptions {
  Index depth = 4, width = 64, heads = 4, batch = 8, length = 64;

  void add_to(CLI::App& app) {
    app.add_option("--depth", depth, "layers, each of self-attention and feed-forward")->check(from_one_to(1000));
    app.add_option("--width", width, "features of a token")->check(from_one_to(1 << 16));
    app.add_option("--heads", heads, "attention heads; they divide the width")->check(from_one_to(1 << 16));
    app.add_option("--batch", batch, "sequences in a step")->check(from_one_to(1'000'000));
    app.add_option("--length", length, "characters in a sequence")->check(from_one_to(1'000'000));
  }
};

/// What every study of several seeds is told.
struct RunOptions {
  std::uint64_t seeds = 1, first_seed = 1;
  Index threads = std::clamp(int(std::thread::hardware_concurrency()), 1, 4);
  std::string out;
  Index stop_after = 0;

  /// `runs` says what has a seed each.
  void add_to(CLI::App& app, const std::string& runs) {
    app.add_option("--seeds", seeds, runs + ", each from a seed of its own")->check(from_one_to(1'000'000));
    app.add_option("--first-seed", first_seed, "the first of these seeds");
    app.add_option("--threads", threads, "threads; they change the time, not one bit of the results")
        ->check(from_one_to(residual::most_threads));
    app.add_option("--out", out, "folder for the tables (csv) and the plots (svg)");
    app.add_option("--stop-after", stop_after, "training steps after which it stops as at Ctrl-C; 0: never")
        ->check(from_zero_to(most_steps));
  }
};
