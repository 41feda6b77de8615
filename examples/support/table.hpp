#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>
#include <string>
#include <vector>

#include "residual/metrics/intervals.hpp"

/// "mean", or "mean ± deviation" when there are several values.
inline std::string mean_and_deviation(const std::vector<double>& values, const char* format) {
  const auto print = [&](double value) {
    if (std::isnan(value)) return std::string("nan");
    char text[32];
    std::snprintf(text, sizeof text, format, value);
    return std::string(text);
  };
  const std::string middle = print(residual::mean(values));
  return values.size() == 1 ? middle : middle + " ± " + print(residual::standard_deviation(values));
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
