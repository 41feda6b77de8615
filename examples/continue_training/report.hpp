#pragma once

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "../support/gnuplot.hpp"
#include "../support/table.hpp"
#include "study.hpp"

/// The models' names, in the order in which they came.
inline std::vector<std::string> models_of(const Results& results) {
  std::vector<std::string> names;
  for (const TextRun& run : results.text) {
    if (std::find(names.begin(), names.end(), run.model) == names.end()) names.push_back(run.model);
  }
  return names;
}

/// The values of the runs that are chosen, over all seeds.
template <class Run, class Chosen, class Value>
std::vector<double> values_of(const std::vector<Run>& runs, Chosen&& chosen, Value&& value) {
  std::vector<double> values;
  for (const Run& run : runs) {
    if (chosen(run)) values.push_back(value(run));
  }
  return values;
}

/// The values as a cell, empty where there are none.
inline std::string cell(const std::vector<double>& values, const char* format) {
  return values.empty() ? "" : mean_and_deviation(values, format);
}

/// One row a model: its losses in front of the task.
inline Table text_table(const Results& results) {
  Table table({"trained on", "general text", "domain"});
  for (const std::string& model : models_of(results)) {
    const auto chosen = [&](const TextRun& run) { return run.model == model; };
    table.add({model, cell(values_of(results.text, chosen, [](auto& run) { return run.curve.back().general; }), "%.3f"),
               cell(values_of(results.text, chosen, [](auto& run) { return run.curve.back().domain; }), "%.3f")});
  }
  return table;
}

/// One row a model and way of tuning: what share of held-out sequences it tells right, and the general text's loss then.
inline Table task_table(const Results& results, const Options& options) {
  const auto labels = [](Index count) { return std::to_string(count) + " labels"; };
  Table table({"trained on", "tuned", labels(options.few), labels(options.many), "general text"});
  for (const std::string& model : models_of(results)) {
    for (const std::string tuned : {"all", "LoRA"}) {
      const auto accuracy = [&](Index count) {
        return cell(
            values_of(
                results.task,
                [&](const TaskRun& run) { return run.model == model && run.tuned == tuned && run.labels == count; },
                [](const TaskRun& run) { return 100 * run.accuracy; }),
            "%.1f");
      };
      const auto with_many = [&](const TaskRun& run) {
        return run.model == model && run.tuned == tuned && run.labels == options.many;
      };
      table.add({model, tuned, accuracy(options.few), accuracy(options.many),
                 cell(values_of(results.task, with_many, [](auto& run) { return run.general; }), "%.3f")});
    }
  }
  return table;
}

/// Writes continued.csv and task.csv, and continue_training.gp, which draws the first: both losses against the steps of
/// continued training, a line a seed.
inline void write_curves(const Results& results) {
  std::ofstream continued("continued.csv"), task("task.csv"), script("continue_training.gp");
  continued.precision(17), task.precision(17);
  continued << "model,seed,step,general,domain\n";
  task << "model,tuned,labels,seed,accuracy,general\n";
  for (const TaskRun& run : results.task) {
    task << '"' << run.model << "\"," << run.tuned << ',' << run.labels << ',' << run.seed << ',' << run.accuracy << ','
         << run.general << '\n';
  }
  script << R"(set terminal svg size 900,400 background 'white' font 'sans-serif,13'
set output 'continue_training.svg'
set datafile separator ','
set grid lc rgb '#dddddd'
set key below
set xlabel 'steps of continued training'
set ylabel 'loss, nats a character'
set multiplot layout 1,2
)";
  std::vector<std::pair<std::string, std::string>> lines;  // of the plot of the general text, and of the domain's
  int index = 0;
  for (const TextRun& run : results.text) {
    if (run.curve.size() < 2) continue;
    for (const TextRun::Point& p : run.curve) {
      continued << '"' << run.model << "\"," << run.seed << ',' << p.step << ',' << p.general << ',' << p.domain
                << '\n';
    }
    continued << "\n\n";  // gnuplot's index counts these
    const bool on_domain = index % 2 == 1, first = index < 2;
    const auto line = [&](int column) {
      return (index > 0 ? ", " : "") + ("'continued.csv' index " + std::to_string(index)) +
             " using 3:" + std::to_string(column) + " with linespoints lw 2 pt 7 ps 0.4 lc rgb '" +
             (on_domain ? "#0072b2" : "#d55e00") + "' " + (first ? "title \"" + run.model + '"' : "notitle");
    };
    lines.emplace_back(line(4), line(5));
    ++index;
  }
  if (!lines.empty()) {
    script << "set title 'general text'\nplot ";
    for (const auto& [general, _] : lines) script << general;
    script << "\nset title 'domain'\nplot ";
    for (const auto& [_, domain] : lines) script << domain;
  }
  script << "\nunset multiplot\n";
}
