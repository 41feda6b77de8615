#pragma once

#include <array>
#include <string>
#include <vector>

#include "../support/interrupt.hpp"
#include "../support/progress.hpp"
#include "branches.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/merge/grams.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/initialise.hpp"
#include "residual/train/loss.hpp"
#include "residual/train/schedule.hpp"

/// Losses on held-out sequences of both branches, nats a token.
using Losses = std::array<double, 2>;

/// Trains and measures language models of the scheme W.
template <class W>
class Training {
 public:
  using Model = decltype(residual::language_model(std::declval<W>(), {}, std::declval<residual::Embedding<float>>()));
  using Theta = residual::Parameters<Model>;

  Training(const W& scheme, const Options& options, const Branches& branches, const residual::Threads& pool)
      : options_(options),
        branches_(branches),
        model_(residual::language_model(
            scheme, {.dim = options.width, .heads = options.heads, .hidden = 4 * options.width, .depth = options.depth},
            residual::Embedding<float>(branches.vocabulary, options.width, options.length))),
        pool_(pool),
        gradient_(model_),
        tape_(model_, pool),
        test_tape_(model_, residual::Keep::nothing, pool) {}

  /// A model that begins as the seed says.
  Theta begin(std::uint64_t seed) const {
    Theta theta(model_);
    residual::initialise(theta, seed);
    return theta;
  }

  /// Trains theta on sequences of these branches, taken in turn; false when somebody asked to stop.
  bool train(Theta& theta, const std::vector<std::size_t>& on, std::uint64_t seed, const std::string& name,
             Progress& progress) {
    residual::AdamW<float> adam(residual::ParameterGroups(theta), {.beta2 = 0.98});
    const residual::Cosine rate{options_.rate, options_.steps / 20, options_.steps, options_.rate / 10};
    residual::Random places(seed, ~std::uint64_t(0));
    progress.begin(name, 0);
    for (Index step = 0; step < options_.steps && !Interrupt::asked(); ++step) {
      const Windows w = branches_.each[on[std::size_t(step) % on.size()]].training(places);
      const auto logits = residual::forward(model_, theta, tape_, w.batch, w.tokens);
      dlogits_.resize(logits.rows(), logits.cols());
      const double loss = residual::cross_entropy(logits, w.targets, dlogits_, {}, pool_);
      gradient_.flat().setZero();
      residual::backward(model_, theta, tape_, dlogits_, gradient_);
      adam.step(theta.flat(), gradient_.flat(), rate(step));
      progress.show(step + 1, loss);
      Interrupt::count_step();
    }
    progress.end();
    return !Interrupt::asked();
  }

  /// The loss on held-out sequences of a branch.
  double loss(const Theta& theta, std::size_t branch) { return loss(theta, branches_.each[branch].held_out); }

  /// The Gram matrices of theta on sequences that a branch trains with.
  residual::Grams<float> grams(const Theta& theta, std::size_t branch) {
    residual::Grams<float> grams(theta);
    residual::Random places(1, 0);
    test_tape_.observe(&grams);
    for (int batch = 0; batch < 8; ++batch) loss(theta, branches_.each[branch].training(places));
    test_tape_.observe(nullptr);
    return grams;
  }

 private:
  double loss(const Theta& theta, const Windows& w) {
    const auto logits = residual::forward(model_, theta, test_tape_, w.batch, w.tokens);
    dlogits_.resize(logits.rows(), logits.cols());
    return residual::cross_entropy(logits, w.targets, dlogits_, {}, pool_);
  }

  const Options& options_;
  const Branches& branches_;
  Model model_;
  const residual::Threads& pool_;
  Theta gradient_;
  residual::Tape<Model> tape_, test_tape_;
  residual::Tokens<float> dlogits_;
};
