#pragma once

#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "../support/interrupt.hpp"
#include "../support/progress.hpp"
#include "../support/resumed.hpp"
#include "../support/schemes.hpp"
#include "../support/text.hpp"
#include "options.hpp"
#include "profile.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/gain.hpp"
#include "residual/train/initialise.hpp"
#include "residual/train/loss.hpp"
#include "residual/train/schedule.hpp"
#include "residual/wiring/admin.hpp"
#include "saved.hpp"

/// The losses, in nats a character, after some steps.
struct Curve {
  std::vector<Index> steps;
  std::vector<double> training;  ///< means over the steps since the point before
  std::vector<double> held_out;

  void add(Index step, double training_loss, double held_out_loss) {
    steps.push_back(step);
    training.push_back(training_loss);
    held_out.push_back(held_out_loss);
  }
};

/// What came out of training one model.
struct Run {
  std::string scheme;
  std::uint64_t seed;
  Curve curve = {};
  Profile at_start = {}, at_end = {};  ///< both on the same held-out sequences
  double loss = 0;                     ///< at the end, held-out
  double seconds = 0;                  ///< of the training steps alone
  double mebibytes = 0;                ///< of parameters, gradient, optimizer and training tape
  Index steps = 0;                     ///< that were done
};

/// A character model of one scheme in training.
class Trainer {
 public:
  Trainer(const std::string& scheme, const Options& options, const Text& text, std::uint64_t seed,
          const residual::Threads& pool)
      : options_(options),
        text_(text),
        model_(residual::language_model(
            scheme_of(scheme, options.width, residual::deep_norm(options.depth).alpha),
            {.dim = options.width, .heads = options.heads, .hidden = 4 * options.width, .depth = options.depth},
            residual::Embedding<float>(text.alphabet(), options.width, options.length))),
        pool_(pool),
        theta_(model_),
        gradient_(model_),
        adam_(theta_.size(), {.beta2 = 0.98}, residual::decay_mask(theta_)),
        tape_(model_, pool),
        test_tape_(model_, residual::Keep::nothing, pool),
        places_(seed, ~std::uint64_t(0)) {
    residual::initialise(theta_, seed, residual::Xavier(), [&](const residual::Part& part) {
      const double gain = residual::OutputGain{options.gain}(part);
      return scheme == "DeepNorm" ? gain * residual::DeepNormGain{residual::deep_norm(options.depth).beta}(part) : gain;
    });
    if (scheme == "Admin") profile_omegas();
  }

  /// All that the following steps depend on.
  void list(residual::Checkpoint& state) {
    state.add("", theta_).add("adam.m", adam_.m).add("adam.v", adam_.v).add("adam.steps", adam_.steps);
    state.add("places", places_);
  }

  /// Of the optimizer.
  Index steps() const { return adam_.steps; }

  /// One step with the schedule's rate on random sequences; returns their loss before it.
  double step(Index number) {
    const Windows w = text_.training(options_.batch, options_.length, [&] { return places_.uniform(); });
    const double loss = gradient(w);
    const residual::Cosine schedule{options_.rate, options_.warmup, options_.steps, options_.rate / 10};
    adam_.step(theta_.flat(), gradient_.flat(), schedule(number));
    return loss;
  }

  /// The mean loss on the held-out text, in `batches` batches that are spread over all of it.
  double held_out_loss(Index batches) {
    const Windows w = text_.held_out(batches * options_.batch, options_.length);
    const auto logits = residual::forward(model_, theta_, test_tape_, w.batch, w.tokens);
    dlogits_.resize(logits.rows(), logits.cols());
    return residual::cross_entropy(logits, w.targets, dlogits_, {}, pool_);
  }

  Profile profile() {
    InputSimilarity similarity;
    tape_.observe(&similarity);
    gradient(text_.held_out(options_.batch, options_.length));
    tape_.observe(nullptr);
    return {gradient_norms(gradient_, options_.depth), similarity.similarities()};
  }

  double mebibytes() const {
    const Index numbers = theta_.size() + gradient_.size() + adam_.m.size() + adam_.v.size();
    return (double(tape_.bytes()) + double(sizeof(float)) * double(numbers)) / 1048576;
  }

 private:
  /// Admin's start, from a pass over the text's first sequences.
  void profile_omegas() {
    residual::AdminProfile<float> profile(theta_.manifest(), theta_.data());
    const Windows w = text_.training(options_.batch, options_.length, [] { return 0.0; });
    test_tape_.observe(&profile);
    residual::forward(model_, theta_, test_tape_, w.batch, w.tokens);
    test_tape_.observe(nullptr);
  }
  double gradient(const Windows& w) {
    const auto logits = residual::forward(model_, theta_, tape_, w.batch, w.tokens);
    dlogits_.resize(logits.rows(), logits.cols());
    const double loss = residual::cross_entropy(logits, w.targets, dlogits_, {}, pool_);
    gradient_.flat().setZero();
    residual::backward(model_, theta_, tape_, dlogits_, gradient_);
    return loss;
  }

  using Model = residual::LanguageModel<residual::Encoder<residual::AnyScheme<float>>>;
  const Options& options_;
  const Text& text_;
  Model model_;
  const residual::Threads& pool_;
  residual::Parameters<Model> theta_, gradient_;
  residual::AdamW<float> adam_;
  residual::Tape<Model> tape_, test_tape_;
  residual::Random places_;
  residual::Tokens<float> dlogits_;
};

/// The run so far, and the sum of the losses since its last point.
inline void list(residual::Checkpoint& state, Run& run, double& sum) {
  state.add("run.curve.steps", run.curve.steps).add("run.curve.training", run.curve.training);
  state.add("run.curve.held_out", run.curve.held_out);
  state.equally_long({"run.curve.steps", "run.curve.training", "run.curve.held_out"});
  state.add("run.steps", run.steps).add("run.seconds", run.seconds).add("run.sum", sum);
}

/// Point k of `points` of a run: the step after which its losses are measured.
inline Index step_of_point(Index k, Index points, Index steps) { return (k * steps + points - 1) / points; }

/// Throws unless a run that was read from a checkpoint is one that this program can have written.
inline void expect_possible(const Run& run, Index optimizer_steps, Index points, Index steps) {
  const auto& measured = run.curve.steps;
  bool as_written = optimizer_steps == run.steps && run.seconds >= 0 && std::isfinite(run.seconds) &&
                    !measured.empty() && step_of_point(Index(measured.size()), points, steps) > run.steps;
  for (std::size_t k = 0; as_written && k < measured.size(); ++k) {
    as_written = measured[k] == step_of_point(Index(k), points, steps);
  }
  expect_possible(run.scheme + ", seed " + std::to_string(run.seed) + ',',
                  {run.steps, steps, optimizer_steps, measured}, as_written, "train anew with --overwrite");
}

/// Trains one model, or goes on training it, until its steps are done, its loss is no number any more, or somebody asks
/// to stop.
inline Run train(const std::string& scheme, const Options& options, const Text& text, std::uint64_t seed,
                 const residual::Threads& pool, Progress& progress) {
  const Index points = std::min<Index>(20, options.steps);
  Trainer trainer(scheme, options, text, seed, pool);
  Run run{scheme, seed};
  double sum = 0;
  Saved saved(options, text, scheme, seed);
  trainer.list(saved.state);
  list(saved.state, run, sum);
  run.at_start = trainer.profile();
  run.loss = trainer.held_out_loss(4);
  if (saved.load()) {
    expect_possible(run, trainer.steps(), points, options.steps);
  } else {
    run.curve.add(0, run.loss, run.loss);
  }
  progress.begin(scheme + ", seed " + std::to_string(seed), run.steps);
  while (run.steps < options.steps && std::isfinite(sum) && !Interrupt::asked()) {
    const auto start = std::chrono::steady_clock::now();
    sum += trainer.step(run.steps++);
    run.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double loss = sum / double(run.steps - run.curve.steps.back());
    progress.show(run.steps, loss);
    const bool point = run.steps == step_of_point(Index(run.curve.steps.size()), points, options.steps);
    if (point) {
      run.curve.add(run.steps, loss, trainer.held_out_loss(4));
      sum = 0;
    }
    Interrupt::count_step();
    if (point || Interrupt::asked()) saved.save();
  }
  progress.end();
  run.at_end = trainer.profile();
  run.loss = trainer.held_out_loss(16);
  run.mebibytes = trainer.mebibytes();
  return run;
}
