#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "../support/csv.hpp"
#include "../support/gnuplot.hpp"
#include "../support/table.hpp"
#include "picture_study.hpp"
#include "residual/metrics/intervals.hpp"

/// All that came out.
struct Results {
  Index parameters = 0;                       ///< of the base model
  double base_on_base = 0, base_on_text = 0;  ///< its losses on its own and on the new text
  std::vector<TextRun> text;
  std::vector<PictureRun> pictures;
};

/// The runs of each method, in the order in which the methods came.
template <class Run>
std::vector<std::vector<const Run*>> by_method(const std::vector<Run>& runs) {
  std::vector<std::vector<const Run*>> groups;
  for (const Run& run : runs) {
    const auto of_method = [&](const auto& group) { return group[0]->method == run.method; };
    auto group = std::find_if(groups.begin(), groups.end(), of_method);
    if (group == groups.end()) group = groups.insert(groups.end(), std::vector<const Run*>());
    group->push_back(&run);
  }
  return groups;
}

/// value(run) over the runs of all seeds, as a cell.
template <class Run, class Value>
std::string cell(const std::vector<const Run*>& runs, Value&& value) {
  std::vector<double> values;
  for (const Run* run : runs) values.push_back(value(*run));
  return mean_and_deviation(values, "%.3f");
}

/// "2048 (1.1 %)", of so many parameters.
inline std::string share(Index trained, Index parameters) {
  char text[64];
  std::snprintf(text, sizeof text, "%ld (%.1f %%)", long(trained), 100 * double(trained) / double(parameters));
  return text;
}

/// One row a method, over all seeds, below the base model's.
inline Table text_table(const Results& results) {
  Table table({"adapted by", "trained", "new text", "highest on the way", "base model's text"});
  const auto print = [](double loss) { return mean_and_deviation({loss}, "%.3f"); };
  const std::string base = print(results.base_on_text);
  table.add({"nothing: the base model", "0", base, base, print(results.base_on_base)});
  for (const auto& runs : by_method(results.text)) {
    table.add({runs[0]->method, share(runs[0]->trained, results.parameters),
               cell(runs, [](const TextRun& run) { return run.curve.back().loss; }),
               cell(runs, [](const TextRun& run) { return run.highest(); }),
               cell(runs, [](const TextRun& run) { return run.base_text; })});
  }
  return table;
}

/// One row a method, over all seeds; the interval is Wilson's, of 95 %.
inline Table picture_table(const Results& results) {
  Table table({"adapted by", "trained", "named right, %", "new text", "base model's text"});
  for (const auto& runs : by_method(results.pictures)) {
    std::size_t named = 0, pictures = 0;
    for (const PictureRun* run : runs) named += std::size_t(run->named), pictures += std::size_t(run->pictures);
    const residual::Interval interval = residual::wilson_interval(named, pictures);
    char right[64];
    std::snprintf(right, sizeof right, "%.1f (%.1f to %.1f)", 100 * double(named) / double(pictures),
                  100 * interval.low, 100 * interval.high);
    table.add({runs[0]->method, share(runs[0]->trained, runs[0]->parameters), right,
               cell(runs, [](const PictureRun& run) { return run.text; }),
               cell(runs, [](const PictureRun& run) { return run.base_text; })});
  }
  return table;
}

/// Writes curves.csv and adapt.gp, which draws it: the loss on the new text against the steps, a line a seed.
inline void write_curves(const Results& results) {
  const auto methods = by_method(results.text);
  write_csv("curves.csv", "method,seed,step,loss", [&](std::ostream& curves) {
    for (const auto& runs : methods) {
      for (const TextRun* run : runs) {
        for (const auto& [step, loss] : run->curve) {
          curves << '"' << run->method << "\"," << run->seed << ',' << step << ',' << loss << '\n';
        }
        curves << next_block;
      }
    }
  });
  residual::write_file("adapt.gp", [&](std::ostream& script) {
    script << R"(set terminal svg size 800,480 background 'white' font 'sans-serif,13'
set output 'adapt.svg'
set datafile separator ','
set grid lc rgb '#dddddd'
set key outside right
set logscale x 2
set xlabel 'steps + 1'
set ylabel 'loss on the new text, nats a character'
plot )";
    const std::vector<std::string> colors{"#000000", "#0072b2", "#009e73", "#cc79a7", "#d55e00"};
    int index = 0;
    for (std::size_t method = 0; method < methods.size(); ++method) {
      for (const TextRun* run : methods[method]) {
        script << "'curves.csv' index " << index++ << " using ($3+1):4 with lines lw 2 lc rgb '"
               << colors[method % colors.size()] << "' "
               << (run == methods[method][0] ? "title \"" + run->method + '"' : std::string("notitle")) << ", ";
      }
    }
    script << '\n';
  });
}
