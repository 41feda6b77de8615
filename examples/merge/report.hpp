#pragma once

#include <string>
#include <vector>

#include "../support/csv.hpp"
#include "../support/gnuplot.hpp"
#include "../support/table.hpp"
#include "study.hpp"

/// The studies of one scheme.
inline std::vector<const Study*> of_scheme(const std::vector<Study>& studies, const std::string& scheme) {
  std::vector<const Study*> own;
  for (const Study& study : studies) {
    if (study.scheme == scheme) own.push_back(&study);
  }
  return own;
}

/// value(study) over all studies, as a cell.
template <class Value>
std::string cell(const std::vector<const Study*>& studies, const char* format, Value&& value) {
  std::vector<double> values;
  for (const Study* study : studies) values.push_back(value(*study));
  return mean_and_deviation(values, format);
}

/// One row a model and scheme, over all seeds.
inline Table losses_of(const std::vector<Study>& studies, const Options& options, const Branches& branches) {
  Table table({"scheme", "model", branches.each[0].name, branches.each[1].name, "mean"});
  for (const std::string& scheme : options.schemes) {
    const auto own = of_scheme(studies, scheme);
    for (std::size_t row = 0; !own.empty() && row < own[0]->rows.size(); ++row) {
      table.add({scheme, own[0]->rows[row].model,
                 cell(own, "%.3f", [&](const Study& s) { return s.rows[row].losses[0]; }),
                 cell(own, "%.3f", [&](const Study& s) { return s.rows[row].losses[1]; }),
                 cell(own, "%.3f", [&](const Study& s) { return mean_of(s.rows[row].losses); })});
    }
  }
  return table;
}

/// One row a scheme: how far training drove the two models apart.
inline Table distances_of(const std::vector<Study>& studies, const Options& options) {
  Table table({"scheme", "barrier", "barrier, no shared seed", "distance", "cosine of changes", "flipped signs"});
  for (const std::string& scheme : options.schemes) {
    const auto own = of_scheme(studies, scheme);
    if (own.empty()) continue;
    table.add({scheme, cell(own, "%.3f", [](const Study& s) { return s.barrier(&Study::Point::shared); }),
               cell(own, "%.3f", [](const Study& s) { return s.barrier(&Study::Point::unshared); }),
               cell(own, "%.2f", [](const Study& s) { return s.tasks.l2; }),
               cell(own, "%.3f", [](const Study& s) { return s.tasks.cosine; }),
               cell(own, "%.3f", [](const Study& s) { return s.tasks.flipped; })});
  }
  return table;
}

/// Writes curves.csv and merge.gp, which draws it.
inline void write_curves(const std::vector<Study>& studies, const Options& options, const Branches& branches) {
  write_csv("curves.csv", "scheme,seed,weight,shared,unshared", [&](std::ostream& curves) {
    for (const std::string& scheme : options.schemes) {
      for (const Study* study : of_scheme(studies, scheme)) {
        for (const Study::Point& p : study->curve) {
          curves << scheme << ',' << study->seed << ',' << p.weight << ',' << p.shared << ',' << p.unshared << '\n';
        }
        curves << next_block;
      }
    }
  });
  residual::write_file("merge.gp", [&](std::ostream& script) {
    script << R"(set terminal svg size 1200,400 background 'white' font 'sans-serif,13'
set output 'merge.svg'
set datafile separator ','
set grid lc rgb '#dddddd'
set key below
set ylabel 'mean loss of both, nats a token'
set multiplot layout 1,)"
           << options.schemes.size() << "\nset xlabel 'weight of the model of " << branches.each[1].name << "'\n";
    int index = 0;
    for (const std::string& scheme : options.schemes) {
      std::string shared, unshared;
      for (std::size_t i = 0; i < of_scheme(studies, scheme).size(); ++i, ++index) {
        const auto line = [&](int column, const char* color, const char* title) {
          return "'curves.csv' index " + std::to_string(index) + " using 3:" + std::to_string(column) +
                 " with linespoints lw 2 pt 7 ps 0.4 lc rgb '" + color + "' " +
                 (i == 0 ? "title '" + std::string(title) + "'" : "notitle") + ", ";
        };
        unshared += line(5, "#d55e00", "no shared seed");
        shared += line(4, "#0072b2", "from one seed model");
      }
      if (!shared.empty()) script << "set title '" << scheme << "'\nplot " << unshared << shared << '\n';
    }
    script << "unset multiplot\n";
  });
}
