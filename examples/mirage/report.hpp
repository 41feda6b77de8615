#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "../support/table.hpp"
#include "autoencoders.hpp"
#include "lengths.hpp"

inline std::string printed(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}
inline std::string printed(const char* format, const residual::Interval& interval) {
  return printed(format, interval.low) + " .. " + printed(format, interval.high);
}

/// value(model, test), mean over the tests of each seed, as a cell.
template <class Model, class Value>
std::string cell(const Models<Model>& models, std::size_t tests, Value&& value) {
  std::vector<double> means;
  for (const Model* model : models) means.push_back(mean_of(Models<Model>{model}, tests, value));
  return mean_and_deviation(means, "%.3f");
}

/// One row a size of language models: the same outputs under all metrics.
inline Table adders_table(const BySize<Adder>& sizes, const Judge& judge) {
  Table table({"parameters", "loss", "digits right", "edit distance", "exact match", "grade", "Brier score"});
  for (const auto& [size, adders] : sizes) {
    const auto of = [&, &models = adders](auto&& value) { return cell(models, judge.tests(), value); };
    table.add({std::to_string(size), of(Judge::loss),
               of([&](const Adder& a, std::size_t test) { return judge.token_accuracy(a, test); }),
               of([&](const Adder& a, std::size_t test) { return judge.edit_distance(a, test, judge.places()); }),
               of([&](const Adder& a, std::size_t test) { return judge.exact_match(a, test, judge.places()); }),
               of(Judge::grade), of(Judge::brier)});
  }
  return table;
}

/// One row a size and length.
inline Table lengths_table(const std::vector<Length>& lengths) {
  Table table(
      {"parameters", "L", "exact match", "95 %", "p^L", "e^(-L loss)", "p_1 ... p_L", "edit distance", "L (1 - p)"});
  for (const Length& row : lengths) {
    table.add({std::to_string(row.size), std::to_string(row.length), printed("%.4f", row.exact.value),
               printed("%.4f", row.exact.interval), printed("%.4f", row.power), printed("%.4f", row.exponential),
               printed("%.4f", row.product), printed("%.3f", row.edits), printed("%.3f", row.line)});
  }
  return table;
}

/// What small test sets show of exact match of whole answers.
inline Table small_sets_table(const BySize<Adder>& sizes, const Judge& judge, Index small) {
  const std::size_t step = std::min(std::size_t(small), judge.tests());
  const std::string power = std::to_string(step);
  Table table({"parameters", "exact match", "95 %", "of the first " + power, "95 %",
               "sets of " + power + " without any", "(1 - exact match)^" + power});
  for (const auto& [size, adders] : sizes) {
    const auto is_right = [&](const Adder& a, std::size_t test) {
      return judge.exact_match(a, test, judge.places()) == 1;
    };
    const Share all = share_of(adders, judge.tests(), is_right);
    const Share first = share_of(Models<Adder>{adders.front()}, step, is_right);
    std::size_t sets = 0, empty = 0;
    for (const Adder* adder : adders) {
      for (std::size_t begin = 0; begin + step <= judge.tests(); begin += step, ++sets) {
        std::size_t test = begin;
        while (test < begin + step && !is_right(*adder, test)) ++test;
        empty += test == begin + step;
      }
    }
    table.add({std::to_string(size), printed("%.4f", all.value), printed("%.4f", all.interval),
               printed("%.2f", first.value), printed("%.2f", first.interval),
               printed("%.2f", double(empty) / double(sets)), printed("%.2f", std::pow(1 - all.value, double(step)))});
  }
  return table;
}

/// One row a size of autoencoders: error, and share of images below each threshold.
inline Table autoencoders_table(const BySize<Autoencoder>& sizes, const Options& options) {
  std::vector<std::string> head{"hidden units", "squared error"};
  for (const double c : options.thresholds) head.push_back("below " + printed("%g", c));
  Table table(head);
  for (const auto& [size, models] : sizes) {
    const auto of = [&, &own = models](auto&& value) { return cell(own, std::size_t(options.images), value); };
    std::vector<std::string> row{std::to_string(size),
                                 of([](const Autoencoder& a, std::size_t i) { return a.errors[i]; })};
    for (const double c : options.thresholds) {
      row.push_back(of([c](const Autoencoder& a, std::size_t i) { return double(a.errors[i] < c); }));
    }
    table.add(row);
  }
  return table;
}

/// The curves of the language models' metrics, whose jumps are compared.
inline std::vector<Curve> curves_of(const BySize<Adder>& sizes, const Judge& judge) {
  std::vector<Curve> curves;
  const auto add = [&](const std::string& metric, auto&& value) {
    curves.push_back(curve_of(metric, sizes, judge.tests(), value));
  };
  for (Index l = 1; l <= judge.places(); ++l) {
    add("exact match, L = " + std::to_string(l),
        [&](const Adder& a, std::size_t test) { return judge.exact_match(a, test, l); });
  }
  add("edit distance, L = " + std::to_string(judge.places()),
      [&](const Adder& a, std::size_t test) { return judge.edit_distance(a, test, judge.places()); });
  add("loss", Judge::loss);
  add("grade", Judge::grade);
  add("Brier score", Judge::brier);
  return curves;
}
/// Those of the autoencoders' metrics.
inline std::vector<Curve> curves_of(const BySize<Autoencoder>& sizes, const Options& options) {
  std::vector<Curve> curves;
  const auto add = [&](const std::string& metric, auto&& value) {
    curves.push_back(curve_of(metric, sizes, std::size_t(options.images), value));
  };
  for (const double c : options.thresholds) {
    add("squared error below " + printed("%g", c),
        [c](const Autoencoder& a, std::size_t i) { return a.errors[i] < c; });
  }
  add("squared error", [](const Autoencoder& a, std::size_t i) { return a.errors[i]; });
  return curves;
}

/// One row a metric.
inline Table jumps_table(const std::vector<Curve>& curves, Index small) {
  Table table({"metric", "emergence score", "95 %", "on " + std::to_string(small) + " tests"});
  for (const Curve& curve : curves) {
    const Jump jump(curve, small);
    table.add({curve.metric, printed("%.1f", jump.score), printed("%.1f", jump.interval), printed("%.1f", jump.small)});
  }
  return table;
}
