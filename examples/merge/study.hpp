#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "residual/merge/distance.hpp"
#include "residual/merge/regression_mean.hpp"
#include "residual/merge/task_arithmetic.hpp"
#include "training.hpp"

/// What came out of merging two models of one scheme, one trained on code and one on prose.
struct Study {
  /// A model and its losses.
  struct Row {
    std::string model;
    Losses losses;
  };
  /// The mean loss of both texts at a weight of the model of prose.
  struct Point {
    double weight, shared, unshared;
  };
  std::string scheme;
  std::uint64_t seed;
  std::vector<Row> rows = {};
  std::vector<Point> curve = {};
  residual::Distance tasks = {};  ///< of what training changed in both

  /// How far the curve of a loss rises above the line between its ends.
  double barrier(double Point::*loss) const {
    double most = 0;
    for (const Point& p : curve) {
      const double line = (1 - p.weight) * curve.front().*loss + p.weight * curve.back().*loss;
      most = std::max(most, p.*loss - line);
    }
    return most;
  }
};

inline double mean_of(const Losses& losses) { return (losses[0] + losses[1]) / 2; }

/// Trains a seed model on both texts, and from it one model on each; and one on prose from another seed model; merges them
/// in all ways. Adds nothing to `study` and returns false when somebody asked to stop.
template <class W>
bool run(const W& scheme, const Options& options, const Texts& texts, const residual::Threads& pool, Progress& progress,
         Study& study) {
  using namespace residual;
  Training<W> training(scheme, options, texts, pool);
  using Theta = typename Training<W>::Theta;
  const std::string name = study.scheme + ", seed " + std::to_string(study.seed) + ": ";
  const std::uint64_t seed = study.seed * 100;
  const auto trained = [&](Theta& theta, const std::vector<std::size_t>& on, std::uint64_t number, const char* what) {
    return training.train(theta, on, seed + number, name + what, progress);
  };

  Theta base = training.begin(seed), other_base = training.begin(seed + 1);
  if (!trained(base, {0, 1}, 0, "seed model") || !trained(other_base, {0, 1}, 1, "other seed model")) return false;
  std::vector<Theta> models{base, base}, unshared{base, other_base};
  if (!trained(models[0], {0}, 2, "code") || !trained(models[1], {1}, 3, "prose")) return false;
  unshared[0] = models[0];
  if (!trained(unshared[1], {1}, 4, "prose, other seed")) return false;

  const auto add = [&](const std::string& model, const Theta& theta) {
    study.rows.push_back({model, training.losses(theta)});
  };
  add("seed model", base);
  add("trained on code", models[0]);
  add("trained on prose", models[1]);
  study.rows.push_back({"each on its own text", {study.rows[1].losses[0], study.rows[2].losses[1]}});
  Theta merged = base;
  mean(models, merged);
  add("mean", merged);
  task_arithmetic(base, models, options.lambda, merged);
  add("task arithmetic", merged);
  const std::vector<Grams<float>> grams{training.grams(models[0], 0), training.grams(models[1], 1)};
  regression_mean(models, grams, merged, options.gamma);
  add("RegMean", merged);
  mean(unshared, merged);
  add("mean, no shared seed", merged);
  const std::vector<Grams<float>> other_grams{training.grams(unshared[0], 0), training.grams(unshared[1], 1)};
  regression_mean(unshared, other_grams, merged, options.gamma);
  add("RegMean, no shared seed", merged);

  const std::vector<std::pair<std::string, Selection>> shared{
      {"attention", parts::attention}, {"feed-forward", parts::feed_forward}, {"norms", parts::own}};
  for (const auto& [what, where] : shared) {
    Losses losses;
    for (std::size_t m = 0; m < 2; ++m) {
      merged = models[m];
      mean(models, merged, where);
      losses[m] = training.losses(merged)[m];
    }
    study.rows.push_back({"mean of " + what + " alone", losses});
  }

  for (Index i = 0; i < options.points; ++i) {
    const double weight = double(i) / double(options.points - 1);
    interpolate(models, {1 - weight, weight}, merged);
    const double with_seed = mean_of(training.losses(merged));
    interpolate(unshared, {1 - weight, weight}, merged);
    study.curve.push_back({weight, with_seed, mean_of(training.losses(merged))});
  }
  study.tasks = task_distance(base, models[0], models[1]);
  return true;
}
