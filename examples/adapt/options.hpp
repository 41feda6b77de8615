#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "../support/llama.hpp"
#include "../support/options.hpp"

/// What the command line says.
struct Options : ModelOptions, RunOptions {
  Index base_steps = 1200, steps = 200;
  double base_rate = 3e-3, full_rate = 3e-3, lora_rate = 3e-2, scale_rate = 3e-2, prompt_rate = 5e-2, joint_rate = 1e-2;
  Index rank = 4, prompts = 10, first_prompted = 1;
  Index picture_steps = 200, pictures = 16, tested_pictures = 200, early_blocks = 2;
  std::vector<std::string> base, text;
  std::string fashion;

  Options() { seeds = 3, out = "adapt_out"; }

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    ModelOptions::add_to(app);
    app.add_option("--base-steps", base_steps, "training steps of the base model")->check(from_one_to(most_steps));
    app.add_option("--steps", steps, "training steps of each adaptation to a text")->check(from_one_to(most_steps));
    app.add_option("--base-rate", base_rate, "highest learning rate of the base model")->check(from_zero_to(1000.0));
    app.add_option("--full-rate", full_rate, "that of all parameters")->check(from_zero_to(1000.0));
    app.add_option("--lora-rate", lora_rate, "that of LoRA")->check(from_zero_to(1000.0));
    app.add_option("--scale-rate", scale_rate, "that of norms, biases and scales")->check(from_zero_to(1000.0));
    app.add_option("--prompt-rate", prompt_rate, "that of prompts and gates")->check(from_zero_to(1000.0));
    app.add_option("--joint-rate", joint_rate, "that of few parameters for pictures and text at once")
        ->check(from_zero_to(1000.0));
    app.add_option("--rank", rank, "of LoRA")->check(from_one_to(1 << 16));
    app.add_option("--prompts", prompts, "of each layer that has some")->check(from_one_to(1 << 16));
    app.add_option("--first-prompted", first_prompted, "the first layer that has prompts, from 0")
        ->check(from_zero_to(999));
    app.add_option("--picture-steps", picture_steps, "steps of each adaptation to pictures and text; 0: none is made")
        ->check(from_zero_to(most_steps));
    app.add_option("--pictures", pictures, "pictures in a step")->check(from_one_to(1'000'000));
    app.add_option("--early-blocks", early_blocks, "layers that read pictures under early fusion, the first ones")
        ->check(from_one_to(1000));
    app.add_option("--tested-pictures", tested_pictures, "pictures to name after training, for each seed")
        ->check(from_one_to(1'000'000));
    app.add_option("--base", base, "files of the base model's text; without any: the library's headers")
        ->check(CLI::ExistingFile);
    app.add_option("--text", text, "files of the new text; without any: the library's documents")
        ->check(CLI::ExistingFile);
    app.add_option("--fashion", fashion,
                   "folder of Fashion-MNIST's four files, unpacked; without it pictures are drawn")
        ->check(CLI::ExistingDirectory);
    RunOptions::add_to(app, "runs of each adaptation, all from the base model of the first seed");
  }
  /// Throws when options do not fit each other.
  void check() const {
    residual::expect(first_prompted < depth, "--first-prompted is ", first_prompted, ", but of ", depth,
                     " layers the last is number ", depth - 1, "; give a smaller number.");
    residual::expect(early_blocks < depth, "--early-blocks is ", early_blocks, ", but there are ", depth,
                     " layers, of which some must not read pictures; give a smaller number.");
  }
  LlamaSizes sizes(Index vocabulary) const { return {vocabulary, width, heads, depth}; }
};
