#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "../support/passes.hpp"
#include "methods.hpp"

/// The base model's text and the new one.
using Texts = std::array<Text, 2>;

/// What came out of adapting the base model to the new text in one way.
struct TextRun {
  /// The loss on the held-out new text after some steps, nats a character.
  struct Point {
    Index step;
    double loss;
  };
  std::string method;
  std::uint64_t seed;
  Index trained;             ///< numbers
  std::vector<Point> curve;  ///< from step 0 on, at powers of 2
  double base_text;          ///< the loss on the base model's text in the end

  double highest() const {
    return std::max_element(curve.begin(), curve.end(), [](auto& a, auto& b) { return a.loss < b.loss; })->loss;
  }
};

/// The learning rate of every training here: a short warm-up, then half a cosine down to a tenth.
inline residual::Cosine rate_of(double peak, Index steps) { return {peak, steps / 20, steps, peak / 10}; }

/// Random sequences of a text, to train on.
inline Windows some_of(const Text& text, const Options& options, residual::Random& places) {
  return text.training(options.batch, options.length, [&] { return places.uniform(); });
}
/// The loss on a text's held-out part.
template <class M>
double text_loss(Passes<M>& passes, const residual::Parameters<M>& theta, const Text& text, const Options& options) {
  const Windows w = text.held_out(8 * options.batch, options.length);
  return passes.loss(theta, {.batch = w.batch, .tokens = w.tokens}, w.targets);
}

/// A language model trained on the first text, or nothing when somebody asked to stop.
inline std::optional<residual::Parameters<Llama>> base_model(const Options& options, const Texts& texts,
                                                             const residual::Threads& pool) {
  residual::Parameters<Llama> theta(llama(options.sizes(texts[1].alphabet())));
  residual::initialise(theta, options.first_seed);
  Passes<Llama> passes(theta.model(), pool);
  Tuned<Llama> training(theta, residual::ParameterGroups(theta));
  residual::Random places(options.first_seed, 0);
  Progress progress(1, options.base_steps, options.batch * options.length);
  progress.begin("base model", 0);
  const bool done = train(
      passes, training, options.base_steps, rate_of(options.base_rate, options.base_steps), progress,
      [&] { return some_of(texts[0], options, places); }, [](Index) {});
  return done ? std::optional(training.parameters()) : std::nullopt;
}

/// Adapts the base model to the second text, or returns nothing when somebody asked to stop.
inline std::optional<TextRun> adapt_to_text(const Method& method, const residual::Parameters<Llama>& base,
                                            std::uint64_t seed, const Options& options, const Texts& texts,
                                            const residual::Threads& pool, Progress& progress) {
  const auto adaptation = method.begin(base, seed);
  Passes<Llama> passes(adaptation->parameters().model(), pool);
  TextRun run{method.name, seed, adaptation->trained(), {}, 0};
  progress.begin(method.name + ", seed " + std::to_string(seed), 0);
  const auto measure = [&](Index step) {
    if ((step & (step - 1)) != 0 && step != options.steps) return;  // neither 0 nor a power of 2, nor the end
    run.curve.push_back({step, text_loss(passes, adaptation->parameters(), texts[1], options)});
  };
  residual::Random places(seed, 0);
  const bool done = train(
      passes, *adaptation, options.steps, rate_of(method.rate, options.steps), progress,
      [&] { return some_of(texts[1], options, places); }, measure);
  if (!done) return std::nullopt;
  run.base_text = text_loss(passes, adaptation->parameters(), texts[0], options);
  return run;
}
