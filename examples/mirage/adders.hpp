#pragma once

#include <string>
#include <vector>

#include "exam.hpp"
#include "residual/model/language_model.hpp"
#include "residual/train/initialise.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "train.hpp"

/// A Pre-LN language model of additions.
inline auto adder_model(Index width, const Options& options) {
  return residual::language_model(
      residual::PreLN<float>(width),
      {.dim = width, .heads = options.heads, .hidden = 4 * width, .depth = options.depth},
      residual::Embedding<float>(Addition::vocabulary, width, Addition{options.digits}.length(),
                                 residual::Positions::learned));
}

/// Trains a model of every size for every seed and examines it; those that are complete when somebody asks to stop.
inline std::vector<Adder> train_adders(const Options& options, const Exam& exam, const residual::Threads& pool) {
  const Addition task{options.digits};
  Progress progress(Index(options.widths.size() * options.seeds), options.steps, options.batch * task.length());
  std::vector<Adder> adders;
  for (std::uint64_t seed = options.first_seed; seed < options.first_seed + options.seeds; ++seed) {
    for (const Index width : options.widths) {
      const auto model = adder_model(width, options);
      residual::Parameters theta(model);
      residual::initialise(theta, seed);
      residual::Tape tape(model, pool);
      residual::Random random(seed, ~std::uint64_t(0));
      residual::Tokens<float> dlogits(options.batch * task.length(), Addition::vocabulary);
      std::vector<Addition::Problem> problems(std::size_t(options.batch));
      const auto pass = [&](auto& gradient) {
        for (auto& problem : problems) problem = task.training(random);
        const Windows w = task.windows(problems);
        const auto logits = residual::forward(model, theta, tape, w.batch, w.tokens);
        const double loss = residual::cross_entropy(logits, w.targets, dlogits, {}, pool);
        residual::backward(model, theta, tape, dlogits, gradient);
        return loss;
      };
      const std::string name = "adder, width " + std::to_string(width) + ", seed " + std::to_string(seed);
      if (!train(theta, options.steps, options.rate, name, progress, pass)) return adders;
      adders.push_back(exam.sit(model, theta, seed, pool));
    }
  }
  return adders;
}
