#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "../support/csv.hpp"
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
  std::vector<const TextRun*> continued;
  for (const TextRun& run : results.text) {
    if (run.curve.size() > 1) continued.push_back(&run);
  }
  write_csv("continued.csv", "model,seed,step,general,domain", [&](std::ostream& out) {
    for (const TextRun* run : continued) {
      for (const TextRun::Point& p : run->curve) {
        out << '"' << run->model << "\"," << run->seed << ',' << p.step << ',' << p.general << ',' << p.domain << '\n';
      }
      out << next_block;
    }
  });
  write_csv("task.csv", "model,tuned,labels,seed,accuracy,general", [&](std::ostream& out) {
    for (const TaskRun& run : results.task) {
      out << '"' << run.model << "\"," << run.tuned << ',' << run.labels << ',' << run.seed << ',' << run.accuracy
          << ',' << run.general << '\n';
    }
  });
  residual::write_file("continue_training.gp", [&](std::ostream& script) {
    script << R"(set terminal svg size 900,400 background 'white' font 'sans-serif,13'
set output 'continue_training.svg'
set datafile separator ','
set grid lc rgb '#dddddd'
set key below
set xlabel 'steps of continued training'
set ylabel 'loss, nats a character'
set multiplot layout 1,2
)";
    const auto plot = [&](const char* title, int column) {
      script << "set title '" << title << "'\nplot ";
      for (std::size_t i = 0; i < continued.size(); ++i) {  // the general text and the domain in turn
        script << "'continued.csv' index " << i << " using 3:" << column
               << " with linespoints lw 2 pt 7 ps 0.4 lc rgb '" << (i % 2 == 1 ? "#0072b2" : "#d55e00") << "' "
               << (i < 2 ? "title \"" + continued[i]->model + '"' : std::string("notitle")) << ", ";
      }
      script << '\n';
    };
    if (!continued.empty()) {
      plot("general text", 4);
      plot("domain", 5);
    }
    script << "unset multiplot\n";
  });
}
