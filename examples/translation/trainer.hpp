#pragma once

#include <cstdint>
#include <optional>

#include "../support/ranks/overlapped_gradient.hpp"
#include "batches.hpp"
#include "options.hpp"
#include "residual/io/checkpoint.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/clip.hpp"
#include "residual/train/loss.hpp"
#include "residual/train/schedule.hpp"
#include "shape.hpp"
#include "start.hpp"

/// A translation model in training, one rank's copy of it. All ranks begin with the same weights and make the same steps,
/// since each sees the gradient of all sentences.
class Trainer {
 public:
  /// All must outlive it.
  Trainer(const TrainOptions& options, Batches& training, const Batches& held_out, const residual::Threads& pool,
          const Ranks& ranks)
      : options_(options),
        training_(training),
        held_out_(held_out),
        pool_(pool),
        ranks_(ranks),
        model_(translator(options.shape, options.longest, options.dropout)),
        theta_(model_),
        gradient_(model_),
        adam_(theta_.size(), {.beta2 = 0.98, .weight_decay = options.decay}, residual::decay_mask(theta_)),
        tape_(model_, pool),
        test_tape_(model_, residual::Keep::nothing, pool),
        overlapped_(gradient_, residual::ParameterGroups(theta_), ranks) {
    start(model_, options.shape, options.start, options.seed, training_[0], theta_);
    if (ranks.count() > 1) tape_.observe(&overlapped_);
  }

  /// All that the following steps depend on.
  void list(residual::Checkpoint& state) {
    state.add("", theta_).add("adam.m", adam_.m).add("adam.v", adam_.v).add("adam.steps", adam_.steps);
  }
  /// Of the optimizer.
  Index steps() const { return adam_.steps; }
  residual::Parameters<Translator>& theta() { return theta_; }
  /// Of the bits of all parameters and moments.
  std::uint64_t bits() const { return fingerprint(theta_.flat(), adam_.m, adam_.v); }

  /// One step on the sentences of all ranks; returns their mean loss before it, with label smoothing, on each rank. A
  /// gradient that is not finite changes nothing.
  double step(Index number) {
    options_.failure.expect_none(ranks_, number);
    const Sentences s = training_.share(training_.of_step(number, options_.seed), ranks_.own(), ranks_.count());
    const double weight = double(s.batch.tokens()) / double(s.all_targets);
    const std::uint64_t stream = std::uint64_t(number) * std::uint64_t(ranks_.count()) + std::uint64_t(ranks_.own());
    const std::uint64_t dropout = (options_.seed << 32) ^ stream;  // other masks on each rank
    const auto logits = residual::forward(model_, theta_, tape_, input(s, dropout));
    dlogits_.resize(logits.rows(), logits.cols());
    const double loss =
        residual::cross_entropy(logits, s.next, dlogits_, {.label_smoothing = options_.smoothing}, pool_);
    dlogits_ *= float(weight);  // from the mean over this rank's pieces to that over all
    gradient_.flat().setZero();
    residual::backward(model_, theta_, tape_, dlogits_, gradient_);
    if (ranks_.count() > 1) overlapped_.epilogue();
    const double norm = options_.clip > 0 ? residual::clip_by_global_norm(gradient_.flat(), options_.clip)
                                          : residual::global_norm(gradient_.flat());
    if (std::isfinite(norm)) adam_.step(theta_.flat(), gradient_.flat(), rate(number));
    return sum_over(ranks_, weight * loss);
  }

  /// The mean loss on the held-out text, in nats a piece, without label smoothing and dropout. Each rank passes over some of
  /// the batches.
  double held_out_loss() {
    double sum = 0, count = 0;
    each_held_out(ranks_.own(), ranks_.count(), [&](const Sentences& s, residual::In<float> logits) {
      sum += double(logits.rows()) * double(residual::cross_entropy(logits, s.next, {}, pool_));
      count += double(logits.rows());
    });
    return sum_over(ranks_, sum) / sum_over(ranks_, count);
  }
  /// The losses of the held-out sentences one by one, nats a piece of each; every rank passes over all of them.
  std::vector<double> held_out_losses() {
    std::vector<double> losses;
    each_held_out(0, 1, [&](const Sentences& s, residual::In<float> logits) {
      for (Index k = 0; k < s.batch.sequences(); ++k) {
        const Index first = s.batch.begin(k), count = s.batch.length(k);
        const std::span next(s.next.data() + first, std::size_t(count));
        losses.push_back(double(residual::cross_entropy(logits.middleRows(first, count), next, {}, pool_)));
      }
    });
    return losses;
  }

 private:
  /// Calls f(sentences, logits) for the held-out batches first, first + step, ...
  template <class F>
  void each_held_out(Index first, Index step, F&& f) {
    for (Index i = first; i < held_out_.count(); i += step) {
      const Sentences s = held_out_[i];
      f(s, residual::forward(model_, theta_, test_tape_, input(s, {})));
    }
  }
  static Translator::Input input(const Sentences& s, std::optional<std::uint64_t> seed) {
    return {.batch = s.batch, .tokens = s.tokens, .src_batch = s.source_batch, .src_tokens = s.source, .seed = seed};
  }
  double rate(Index step) const {
    if (options_.schedule == "cosine") return residual::Cosine{options_.rate, options_.warmup, options_.steps}(step);
    return residual::InverseSquareRoot{options_.rate, options_.warmup}(step);
  }

  const TrainOptions& options_;
  Batches& training_;
  const Batches& held_out_;
  const residual::Threads& pool_;
  const Ranks& ranks_;
  Translator model_;
  residual::Parameters<Translator> theta_, gradient_;
  residual::AdamW<float> adam_;
  residual::Tape<Translator> tape_, test_tape_;
  OverlappedGradient<float> overlapped_;
  residual::Tokens<float> dlogits_;
};
