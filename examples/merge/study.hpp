#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "residual/merge/distance.hpp"
#include "residual/merge/regression_mean.hpp"
#include "residual/merge/task_arithmetic.hpp"
#include "training.hpp"

/// What came out of merging two models of one scheme, one of each branch.
struct Study {
  /// A model and its losses.
  struct Row {
    std::string model;
    Losses losses;
  };
  /// The mean loss of both branches at a weight of the second one's model.
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

/// Trains a seed model on both branches, and from it one model on each; and one on the second from another seed model; merges
/// them in all ways. Adds nothing to `study` and returns false when somebody asked to stop.
template <class W>
bool run(const W& scheme, const Options& options, const Branches& branches, const residual::Threads& pool,
         Progress& progress, Study& study) {
  using namespace residual;
  Training<W> training(scheme, options, branches, pool);
  using Theta = typename Training<W>::Theta;
  const std::string name = study.scheme + ", seed " + std::to_string(study.seed) + ": ";
  const std::uint64_t seed = study.seed * 100;
  const auto trained = [&](Theta& theta, const std::vector<std::size_t>& on, std::uint64_t number,
                           const std::string& what) {
    return training.train(theta, on, seed + number, name + what, progress);
  };

  Theta base = training.begin(seed), other_base = training.begin(seed + 1);
  if (!trained(base, {0, 1}, 0, "seed model") || !trained(other_base, {0, 1}, 1, "other seed model")) return false;
  std::vector<Theta> models{base, base}, unshared{base, other_base};
  const std::string &first = branches.each[0].name, &second = branches.each[1].name;
  if (!trained(models[0], {0}, 2, first) || !trained(models[1], {1}, 3, second)) return false;
  unshared[0] = models[0];
  if (!trained(unshared[1], {1}, 4, second + ", other seed")) return false;

  const auto add = [&](const std::string& model, const Theta& theta) {
    study.rows.push_back({model, {training.loss(theta, 0), training.loss(theta, 1)}});
  };
  add("seed model", base);
  add("trained on " + first, models[0]);
  add("trained on " + second, models[1]);
  study.rows.push_back({"each on its own", {study.rows[1].losses[0], study.rows[2].losses[1]}});
  // Of both models after merge(merged) has changed what is merged.
  const auto merged_losses = [&](const std::vector<Theta>& of, auto&& merge) {
    Losses losses;
    for (std::size_t m = 0; m < 2; ++m) {
      Theta merged = of[m];
      merge(merged);
      losses[m] = training.loss(merged, m);
    }
    return losses;
  };
  // The mean where the branches are merged and `alone` chooses.
  const auto with_mean = [&](const std::vector<Theta>& of, const Selection& alone) {
    const Selection where([&](const Part& part) { return alone(part) && branches.merged(part); });
    return merged_losses(of, [&](Theta& merged) { mean(of, merged, where); });
  };
  const auto with_regression_mean = [&](const std::vector<Theta>& of) {
    const std::vector<Grams<float>> grams{training.grams(of[0], 0), training.grams(of[1], 1)};
    return merged_losses(of,
                         [&](Theta& merged) { regression_mean(of, grams, merged, options.gamma, branches.merged); });
  };
  study.rows.push_back({"mean", with_mean(models, parts::all)});
  study.rows.push_back({"task arithmetic", merged_losses(models, [&](Theta& merged) {
                          task_arithmetic(base, models, options.lambda, merged, branches.merged);
                        })});
  study.rows.push_back({"RegMean", with_regression_mean(models)});
  study.rows.push_back({"mean, no shared seed", with_mean(unshared, parts::all)});
  study.rows.push_back({"RegMean, no shared seed", with_regression_mean(unshared)});
  study.rows.push_back({"mean of attention alone", with_mean(models, parts::attention)});
  study.rows.push_back({"mean of feed-forward alone", with_mean(models, parts::feed_forward)});
  study.rows.push_back({"mean of norms alone", with_mean(models, parts::own)});

  for (Index i = 0; i < options.points; ++i) {
    const double weight = double(i) / double(options.points - 1);
    const auto at = [&](const std::vector<Theta>& of) {
      return mean_of(merged_losses(of, [&](Theta& merged) {
        interpolate(of, {1 - weight, weight}, merged, branches.merged);
      }));
    };
    study.curve.push_back({weight, at(models), at(unshared)});
  }
  study.tasks = task_distance(base, models[0], models[1], branches.merged);
  return true;
}
