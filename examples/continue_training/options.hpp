#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "../support/llama.hpp"

using residual::Index;

/// What the command line says.
struct Options {
  Index depth = 4, width = 64, heads = 4;
  Index general_steps = 800, domain_steps = 300, task_steps = 150, batch = 8, length = 64;
  double general_rate = 3e-3, domain_rate = 1e-3, full_rate = 1e-3, lora_rate = 3e-3;
  Index rank = 4, classes = 4, few = 8, many = 128, tested = 100;
  std::uint64_t seeds = 2, first_seed = 1;
  Index threads = std::clamp(int(std::thread::hardware_concurrency()), 1, 4);
  std::vector<std::string> general, domain;
  std::string out = "continue_training_out";
  Index stop_after = 0;

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    app.add_option("--depth", depth, "layers, each of self-attention and feed-forward")->check(CLI::PositiveNumber);
    app.add_option("--width", width, "features of a token")->check(CLI::PositiveNumber);
    app.add_option("--heads", heads, "attention heads; they divide the width")->check(CLI::PositiveNumber);
    app.add_option("--general-steps", general_steps, "training steps on the general text")->check(CLI::PositiveNumber);
    app.add_option("--domain-steps", domain_steps, "steps of continued training")->check(CLI::PositiveNumber);
    app.add_option("--task-steps", task_steps, "steps of tuning to the task")->check(CLI::PositiveNumber);
    app.add_option("--batch", batch, "sequences in a step")->check(CLI::PositiveNumber);
    app.add_option("--length", length, "characters in a sequence")->check(CLI::PositiveNumber);
    app.add_option("--general-rate", general_rate, "highest learning rate on the general text")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--domain-rate", domain_rate, "that of continued training")->check(CLI::NonNegativeNumber);
    app.add_option("--full-rate", full_rate, "that of tuning all parameters to the task")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--lora-rate", lora_rate, "that of tuning a LoRA")->check(CLI::NonNegativeNumber);
    app.add_option("--rank", rank, "of LoRA")->check(CLI::PositiveNumber);
    app.add_option("--classes", classes, "documents that the task tells from each other: the longest ones")
        ->check(CLI::Range(2, 26));
    app.add_option("--few", few, "labelled sequences of each document, where there are few")
        ->check(CLI::PositiveNumber);
    app.add_option("--many", many, "and where there are many")->check(CLI::PositiveNumber);
    app.add_option("--tested", tested, "held-out sequences of each document")->check(CLI::PositiveNumber);
    app.add_option("--seeds", seeds, "runs, all from one model of the general text")->check(CLI::PositiveNumber);
    app.add_option("--first-seed", first_seed, "the first of these seeds, and the general model's");
    app.add_option("--threads", threads, "threads; they change the time, not one bit of the results")
        ->check(CLI::PositiveNumber);
    app.add_option("--general", general, "files of the general text; without any: the library's headers")
        ->check(CLI::ExistingFile);
    app.add_option("--domain", domain, "the documents of the domain, a file each; without any: the library's")
        ->check(CLI::ExistingFile);
    app.add_option("--out", out, "folder for the tables (csv) and the plot (svg)");
    app.add_option("--stop-after", stop_after, "training steps after which it stops as at Ctrl-C; 0: never")
        ->check(CLI::NonNegativeNumber);
  }
};
