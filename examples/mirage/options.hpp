#pragma once

#include <CLI/CLI.hpp>
#include <vector>

#include "../support/options.hpp"

/// What the command line says.
struct Options : RunOptions {
  std::vector<Index> widths{4, 6, 8, 12, 16, 24};
  Index depth = 2, heads = 2, digits = 4;
  Index steps = 4000, batch = 64;
  double rate = 6e-3;
  Index tests = 4000, small = 50;
  std::vector<Index> bottlenecks{4, 8, 16, 32, 64, 128};
  Index side = 16, image_steps = 1000, images = 1000;
  double image_rate = 3e-3;
  std::vector<double> thresholds{0.5, 0.35, 0.2};
  double alpha = -0.5;

  Options() { seeds = 3, out = "mirage_out"; }

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    app.add_option("--widths", widths, "of the language models, which have 4 times as many features in feed-forward")
        ->check(from_one_to(1 << 16));
    app.add_option("--depth", depth, "their layers, each of self-attention and feed-forward")->check(from_one_to(1000));
    app.add_option("--heads", heads, "their attention heads; they divide all widths")->check(from_one_to(1 << 16));
    app.add_option("--digits", digits, "of each of the two numbers that they add")->check(CLI::Range(1, 9));
    app.add_option("--steps", steps, "training steps of each language model")->check(from_one_to(most_steps));
    app.add_option("--batch", batch, "additions, or images, in a step")->check(from_one_to(1'000'000));
    app.add_option("--rate", rate, "AdamW's highest learning rate for language models")->check(from_zero_to(1000.0));
    app.add_option("--tests", tests, "additions that every language model is tested on")->check(from_one_to(1'000'000));
    app.add_option("--small", small, "additions in a small test set")->check(from_one_to(1'000'000));
    app.add_option("--bottlenecks", bottlenecks, "hidden units of the autoencoders")->check(from_one_to(1 << 16));
    app.add_option("--side", side, "of their square images, in pixels")->check(CLI::Range(3, 64));
    app.add_option("--image-steps", image_steps, "training steps of each autoencoder")->check(from_one_to(most_steps));
    app.add_option("--images", images, "that every autoencoder is tested on")->check(from_one_to(1'000'000));
    app.add_option("--image-rate", image_rate, "AdamW's highest learning rate for autoencoders")
        ->check(from_zero_to(1000.0));
    app.add_option("--thresholds", thresholds, "squared errors a pixel below which an image counts as reconstructed")
        ->check(CLI::Range(1e-6, 1000.0));
    app.add_option("--alpha", alpha, "of the closed form's loss (N / c)^alpha")->check(CLI::Range(-10.0, -0.01));
    RunOptions::add_to(app, "models of each size");
  }
};
