#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../support/llama.hpp"
#include "options.hpp"
#include "residual/adapt/new_words.hpp"
#include "task.hpp"

using Theta = residual::Parameters<Llama>;

/// A model in front of the task, and its losses on held-out text.
struct TextRun {
  struct Point {
    Index step;  ///< of continued training
    double general, domain;
  };
  std::string model;
  std::uint64_t seed;
  std::vector<Point> curve;
};

/// What came of tuning a model to the task.
struct TaskRun {
  std::string model, tuned;
  std::uint64_t seed;
  Index labels;     ///< of each document
  double accuracy;  ///< on held-out sequences
  double general;   ///< the loss on the general text behind it, among characters alone
};

/// All that came out.
struct Results {
  std::vector<TextRun> text;
  std::vector<TaskRun> task;
};

/// Trains on a general text, goes on with a domain's documents, and tunes to a task of the domain.
class Study {
 public:
  Study(const Options& options, const Text& general, const Documents& domain, const residual::Threads& pool)
      : options_(options),
        general_(general),
        domain_(domain),
        task_(domain, options.classes, options.length),
        pool_(pool),
        model_(llama({domain.alphabet(), options.width, options.heads, options.depth})),
        passes_(model_, pool) {}

  /// Adds to the results until all is done or somebody asks to stop.
  void run(Results& results) {
    Theta scratch(model_);
    residual::initialise(scratch, options_.first_seed);
    Progress progress(1, options_.general_steps, options_.batch * options_.length);
    const auto general = trained(scratch, "general text", options_.general_steps, options_.general_rate,
                                 options_.first_seed, progress, false, nullptr);
    if (!general) return;
    const Models once{{"nothing", scratch}, {"general text", *general}};
    for (const auto& [name, theta] : once) {
      results.text.push_back({name, options_.first_seed, {measured(theta, 0)}});
    }
    if (const auto models = continued(once, results)) tune_all(*models, results);
  }

 private:
  /// Models by their names.
  using Models = std::vector<std::pair<std::string, Theta>>;

  /// For each seed, `once` and what its last model becomes on more of the general text and on the domain; nothing when
  /// somebody asked to stop.
  std::optional<std::vector<Models>> continued(const Models& once, Results& results) {
    Progress progress(Index(2 * options_.seeds), options_.domain_steps, options_.batch * options_.length);
    std::vector<Models> models(options_.seeds, once);
    for (std::size_t i = 0; i < models.size(); ++i) {
      for (const bool on_domain : {false, true}) {
        TextRun run{on_domain ? "general text, then domain" : "general text for longer", options_.first_seed + i, {}};
        const auto theta = trained(once.back().second, run.model + ", seed " + std::to_string(run.seed),
                                   options_.domain_steps, options_.domain_rate, run.seed, progress, on_domain, &run);
        if (!theta) return std::nullopt;
        models[i].emplace_back(run.model, *theta);
        results.text.push_back(std::move(run));
      }
    }
    return models;
  }
  /// Tunes every model to the task in all ways, until somebody asks to stop.
  void tune_all(const std::vector<Models>& models, Results& results) {
    Progress progress(Index(models[0].size() * 4 * options_.seeds), options_.task_steps,
                      options_.batch * (options_.length + 1));
    for (std::size_t i = 0; i < models.size(); ++i) {
      for (const auto& [name, theta] : models[i]) {
        for (const Index labels : {options_.few, options_.many}) {
          for (const bool full : {true, false}) {
            TaskRun run{name, full ? "all" : "LoRA", options_.first_seed + i, labels, 0, 0};
            if (!tune(theta, full, progress, run)) return;
            results.task.push_back(std::move(run));
          }
        }
      }
    }
  }

  /// Warm-up in 3 of 100 steps, then a cosine to 0, as in the paper's recipe.
  static residual::Cosine rate_of(double peak, Index steps) { return {peak, steps * 3 / 100, steps}; }

  /// The loss among characters alone, whatever new words a model has beside.
  double loss(Passes<Llama>& passes, const Theta& theta, const Windows& w) const {
    const auto logits = passes.logits(theta, {.batch = w.batch, .tokens = w.tokens});
    return residual::cross_entropy(logits.cols_from(0, domain_.alphabet()), w.targets, {}, pool_);
  }
  double general_loss(Passes<Llama>& passes, const Theta& theta) const {
    return loss(passes, theta, general_.held_out(8 * options_.batch, options_.length));
  }
  TextRun::Point measured(const Theta& theta, Index step) {
    return {step, general_loss(passes_, theta),
            loss(passes_, theta, domain_.held_out(options_.batch, options_.length))};
  }

  /// theta after steps on either text, with its losses in `run` if there is one; nothing when somebody asked to stop.
  std::optional<Theta> trained(const Theta& theta, const std::string& name, Index steps, double rate,
                               std::uint64_t seed, Progress& progress, bool on_domain, TextRun* run) {
    Tuned<Llama> training(theta, residual::ParameterGroups(theta));
    residual::Random places(seed, on_domain ? 1 : 0);
    Rounds rounds(domain_, places);
    const auto next = [&] {
      if (on_domain) return rounds.next(options_.batch, options_.length);
      return general_.training(options_.batch, options_.length, [&] { return places.uniform(); });
    };
    const Index between = std::max<Index>(steps / 8, 1);
    const auto measure = [&](Index step) {
      if (run != nullptr && (step % between == 0 || step == steps))
        run->curve.push_back(measured(training.parameters(), step));
    };
    progress.begin(name, 0);
    if (!train(passes_, training, steps, rate_of(rate, steps), progress, next, measure)) return std::nullopt;
    return training.parameters();
  }

  /// All parameters, or a LoRA and the words, of which the new ones are alike before they are trained.
  std::unique_ptr<Adaptation<Llama>> tuned(const Theta& theta, bool full, std::uint64_t seed) const {
    if (full) return all_tuned(theta);
    const auto words = residual::ParameterGroups(theta).freeze(residual::parts::all).rate("embed_tokens.weight", 1);
    return low_rank_tuned(theta, options_.rank, seed, words);
  }
  /// Tunes a model to the task, all of it or a LoRA, with as many labels as the run says; false when somebody asked to stop.
  bool tune(const Theta& model, bool full, Progress& progress, TaskRun& run) {
    residual::Random labelled(run.seed, 2), order(run.seed, 3);
    const auto examples = task_.training(run.labels, labelled);
    const auto adaptation = tuned(residual::with_new_words(model, task_.new_words()), full, run.seed);
    Passes<Llama> passes(adaptation->parameters().model(), pool_);
    progress.begin(
        run.model + ", " + run.tuned + ", " + std::to_string(run.labels) + " labels, seed " + std::to_string(run.seed),
        0);
    const bool done = train(
        passes, *adaptation, options_.task_steps,
        rate_of(full ? options_.full_rate : options_.lora_rate, options_.task_steps), progress,
        [&] { return Task::some_of(examples, options_.batch, order); }, [](Index) {});
    if (!done) return false;
    run.accuracy = task_.accuracy(passes, adaptation->parameters(), task_.held_out(options_.tested));
    run.general = general_loss(passes, adaptation->parameters());
    return true;
  }

  const Options& options_;
  const Text& general_;
  const Documents& domain_;
  Task task_;
  const residual::Threads& pool_;
  Llama model_;
  Passes<Llama> passes_;
};
