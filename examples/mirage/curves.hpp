#pragma once

#include <algorithm>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "options.hpp"
#include "residual/metrics/intervals.hpp"

/// Models of one size, one a seed.
template <class Model>
using Models = std::vector<const Model*>;
/// The models of each size, the smallest first.
template <class Model>
using BySize = std::map<Index, Models<Model>>;

template <class Model>
BySize<Model> by_size(const std::vector<Model>& models) {
  BySize<Model> sizes;
  for (const Model& model : models) sizes[model.size].push_back(&model);
  return sizes;
}

/// The mean of value(model, test) over so many tests of each model.
template <class Model, class Value>
double mean_of(const Models<Model>& models, std::size_t tests, Value&& value) {
  double sum = 0;
  for (const Model* model : models) {
    for (std::size_t test = 0; test < tests; ++test) sum += value(*model, test);
  }
  return sum / double(models.size() * tests);
}

/// How often something was so, with Wilson's interval.
struct Share {
  double value;
  residual::Interval interval;

  Share(std::size_t count, std::size_t of)
      : value(double(count) / double(of)), interval(residual::wilson_interval(count, of)) {}
};
/// How often is_so(model, test), true or 1, over so many tests of each model.
template <class Model, class IsSo>
Share share_of(const Models<Model>& models, std::size_t tests, IsSo&& is_so) {
  std::size_t count = 0;
  for (const Model* model : models) {
    for (std::size_t test = 0; test < tests; ++test) count += is_so(*model, test) != 0 ? 1 : 0;
  }
  return {count, models.size() * tests};
}

/// A metric over models of growing size, test by test.
struct Curve {
  std::string metric;
  std::vector<std::vector<double>> values;  ///< of each size, and there of each test the mean over the seeds

  /// The metric of each size on these tests.
  std::vector<double> means(std::span<const std::size_t> tests) const {
    std::vector<double> means;
    for (const auto& own : values) {
      double sum = 0;
      for (const std::size_t test : tests) sum += own[test];
      means.push_back(sum / double(tests.size()));
    }
    return means;
  }
};

/// The curve of value(model, test).
template <class Model, class Value>
Curve curve_of(const std::string& metric, const BySize<Model>& sizes, std::size_t tests, Value&& value) {
  Curve curve{metric, {}};
  for (const auto& [size, models] : sizes) {
    auto& own = curve.values.emplace_back(tests, 0.0);
    for (const Model* model : models) {
      for (std::size_t test = 0; test < tests; ++test) own[test] += double(value(*model, test)) / double(models.size());
    }
  }
  return curve;
}

/// How much a metric looks like a jump: its emergence score on all tests, with the bootstrap interval over tests, and on
/// small test sets.
struct Jump {
  double score;
  residual::Interval interval;
  double small;  ///< the median over disjoint small sets

  Jump(const Curve& curve, Index small_set) {
    const auto score_on = [&](std::span<const std::size_t> tests) {
      return residual::emergence_score(curve.means(tests));
    };
    std::vector<std::size_t> all(curve.values.front().size());
    std::iota(all.begin(), all.end(), std::size_t(0));
    score = score_on(all);
    interval = residual::bootstrap_interval(all.size(), score_on, 0.95, 500);
    const std::size_t step = std::min(std::size_t(small_set), all.size());
    std::vector<double> scores;
    for (std::size_t begin = 0; begin + step <= all.size(); begin += step) {
      scores.push_back(score_on(std::span(all).subspan(begin, step)));
    }
    small = residual::median(scores);
  }
};
