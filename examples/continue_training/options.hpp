#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "../support/options.hpp"

/// What the command line says.
struct Options : ModelOptions, RunOptions {
  Index general_steps = 800, domain_steps = 300, task_steps = 300;
  double general_rate = 3e-3, domain_rate = 1e-3, full_rate = 3e-3, lora_rate = 1e-2;
  Index rank = 4, classes = 4, few = 8, many = 128, tested = 100;
  std::vector<std::string> general, domain;

  Options() { seeds = 2, out = "continue_training_out"; }

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    ModelOptions::add_to(app);
    app.add_option("--general-steps", general_steps, "training steps on the general text")
        ->check(from_one_to(most_steps));
    app.add_option("--domain-steps", domain_steps, "steps of continued training")->check(from_one_to(most_steps));
    app.add_option("--task-steps", task_steps, "steps of tuning to the task")->check(from_one_to(most_steps));
    app.add_option("--general-rate", general_rate, "highest learning rate on the general text")
        ->check(from_zero_to(1000.0));
    app.add_option("--domain-rate", domain_rate, "that of continued training")->check(from_zero_to(1000.0));
    app.add_option("--full-rate", full_rate, "that of tuning all parameters to the task")->check(from_zero_to(1000.0));
    app.add_option("--lora-rate", lora_rate, "that of tuning a LoRA")->check(from_zero_to(1000.0));
    app.add_option("--rank", rank, "of LoRA")->check(from_one_to(1 << 16));
    app.add_option("--classes", classes, "documents that the task tells from each other: the longest ones")
        ->check(CLI::Range(2, 1000));
    app.add_option("--few", few, "labelled sequences of each document, where there are few")
        ->check(from_one_to(1'000'000));
    app.add_option("--many", many, "and where there are many")->check(from_one_to(1'000'000));
    app.add_option("--tested", tested, "held-out sequences of each document")->check(from_one_to(1'000'000));
    app.add_option("--general", general, "files of the general text; without any: the library's headers")
        ->check(CLI::ExistingFile);
    app.add_option("--domain", domain, "the documents of the domain, a file each; without any: the library's")
        ->check(CLI::ExistingFile);
    RunOptions::add_to(app, "runs, all from the general model of the first seed");
  }
};
