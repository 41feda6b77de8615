#pragma once

#include <span>

#include "adaptation.hpp"
#include "interrupt.hpp"
#include "progress.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/loss.hpp"
#include "residual/train/schedule.hpp"
#include "text.hpp"

/// Passes through one model: training steps, losses and logits.
template <class M>
class Passes {
 public:
  using Theta = residual::Parameters<M>;
  using Input = typename M::Input;

  Passes(const M& model, const residual::Threads& pool)
      : model_(model),
        pool_(pool),
        gradient_(model),
        tape_(model, pool),
        test_tape_(model, residual::Keep::nothing, pool) {}

  const M& model() const { return model_; }

  /// A step towards the targets, one a row of logits; a target of -100 counts for nothing. Returns the loss before it.
  double step(Adaptation<M>& adaptation, const Input& input, std::span<const int> targets, double rate,
              std::size_t set = 0) {
    const auto logits = residual::forward(model_, adaptation.parameters(), tape_, input);
    dlogits_.resize(logits.rows(), logits.cols());
    const double loss = residual::cross_entropy(logits, targets, dlogits_, {}, pool_);
    gradient_.flat().setZero();
    residual::backward(model_, adaptation.parameters(), tape_, dlogits_, gradient_);
    adaptation.step(gradient_, rate, set);
    return loss;
  }
  /// The mean loss of the rows that count.
  double loss(const Theta& theta, const Input& input, std::span<const int> targets) {
    return residual::cross_entropy(logits(theta, input), targets, {}, pool_);
  }
  /// What the model says, until its next pass without a step.
  residual::In<float> logits(const Theta& theta, const Input& input) {
    return residual::forward(model_, theta, test_tape_, input);
  }

 private:
  M model_;
  const residual::Threads& pool_;
  Theta gradient_;
  residual::Tape<M> tape_, test_tape_;
  residual::Tokens<float> dlogits_;
};

/// Takes `steps` steps, each on the sequences that next() gives, as Windows; the progress has begun. Calls before(step) in
/// front of each step and once behind the last. Returns false when somebody asked to stop.
template <class M, class Next, class Before>
bool train(Passes<M>& passes, Adaptation<M>& adaptation, residual::Index steps, const residual::Cosine& rate,
           Progress& progress, Next&& next, Before&& before) {
  for (residual::Index step = 0; step < steps && !Interrupt::asked(); ++step) {
    before(step);
    const Windows w = next();
    progress.show(step + 1, passes.step(adaptation, {.batch = w.batch, .tokens = w.tokens}, w.targets, rate(step)));
    Interrupt::count_step();
  }
  if (!Interrupt::asked()) before(steps);
  progress.end();
  return !Interrupt::asked();
}
