#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <ostream>
#include <string>
#include <vector>

#include "train.hpp"

inline double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
}

/// "mean", or "mean ± deviation" when there are several values.
inline std::string mean_and_deviation(const std::vector<double>& values, const char* format) {
  const auto print = [&](double value) {
    if (std::isnan(value)) return std::string("nan");
    char text[32];
    std::snprintf(text, sizeof text, format, value);
    return std::string(text);
  };
  const double middle = mean(values);
  if (values.size() == 1) return print(middle);
  double square = 0;
  for (const double value : values) square += (value - middle) * (value - middle);
  return print(middle) + " ± " + print(std::sqrt(square / double(values.size() - 1)));
}

/// A table in Markdown whose columns line up.
class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  friend std::ostream& operator<<(std::ostream& out, const Table& table) {
    for (std::size_t i = 0; i < table.rows_.size(); ++i) {
      table.print(out, table.rows_[i], ' ');
      if (i == 0) table.print(out, std::vector<std::string>(table.rows_[0].size()), '-');
    }
    return out;
  }

 private:
  /// Characters of UTF-8, not bytes.
  static std::size_t width(const std::string& text) {
    return std::size_t(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  }
  void print(std::ostream& out, const std::vector<std::string>& cells, char fill) const {
    for (std::size_t j = 0; j < cells.size(); ++j) {
      std::size_t most = 0;
      for (const auto& row : rows_) most = std::max(most, width(row[j]));
      out << '|' << fill << cells[j] << std::string(most - width(cells[j]), fill) << fill;
    }
    out << "|\n";
  }

  std::vector<std::vector<std::string>> rows_;
};

/// What kept some of the runs from doing all their steps.
inline std::string note(const std::vector<const Run*>& runs, Index steps) {
  for (const Run* run : runs) {
    if (!std::isfinite(run->loss)) return " (diverged within " + std::to_string(run->steps) + " steps)";
    if (run->steps < steps) return " (stopped after " + std::to_string(run->steps) + " steps)";
  }
  return "";
}

/// One row a scheme, over all its seeds.
inline Table table_of(const std::vector<Run>& runs, const Options& options) {
  Table table(
      {"scheme", "loss", "gradient, first layer", "gradient, last layer", "similarity", "seconds", "tokens/s", "MiB"});
  for (const std::string& scheme : options.schemes) {
    std::vector<const Run*> own;
    for (const Run& run : runs) {
      if (run.scheme == scheme) own.push_back(&run);
    }
    if (own.empty()) continue;
    const auto cell = [&](const char* format, auto&& value) {
      std::vector<double> values;
      for (const Run* run : own) values.push_back(value(*run));
      return mean_and_deviation(values, format);
    };
    const double tokens = double(options.batch * options.length);
    table.add({scheme + note(own, options.steps), cell("%.3f", [](const Run& run) { return run.loss; }),
               cell("%.2g", [](const Run& run) { return run.at_start.gradient_norms.front(); }),
               cell("%.2g", [](const Run& run) { return run.at_start.gradient_norms.back(); }),
               cell("%.3f", [](const Run& run) { return mean(run.at_end.similarities); }),
               cell("%.1f", [](const Run& run) { return run.seconds; }),
               cell("%.0f", [&](const Run& run) { return double(run.steps) * tokens / run.seconds; }),
               cell("%.1f", [](const Run& run) { return run.mebibytes; })});
  }
  return table;
}
