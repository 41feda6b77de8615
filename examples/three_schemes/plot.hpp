#pragma once

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "../support/gnuplot.hpp"
#include "residual/io/write_file.hpp"
#include "train.hpp"

/// The tables of all runs, losses.csv and layers.csv.
inline std::pair<std::string, std::string> tables(const std::vector<Run>& runs) {
  std::ostringstream losses, layers;
  losses.precision(17);  // equal files are equal bits
  layers.precision(17);
  losses << "scheme,seed,step,training,held_out\n";
  layers << "scheme,seed,layer,gradient_start,gradient_end,similarity_start,similarity_end\n";
  for (const Run& run : runs) {
    const std::string key = run.scheme + ',' + std::to_string(run.seed) + ',';
    const Curve& curve = run.curve;
    for (std::size_t i = 0; i < curve.steps.size(); ++i) {
      losses << key << curve.steps[i] << ',' << curve.training[i] << ',' << curve.held_out[i] << '\n';
    }
    const auto similarity = [](const Profile& profile,
                               std::size_t layer) {  // with the layer before; the first has none
      return layer == 0 ? std::string() : std::to_string(profile.similarities[layer - 1]);
    };
    for (std::size_t layer = 0; layer < run.at_start.gradient_norms.size(); ++layer) {
      layers << key << layer + 1 << ',' << run.at_start.gradient_norms[layer] << ',' << run.at_end.gradient_norms[layer]
             << ',' << similarity(run.at_start, layer) << ',' << similarity(run.at_end, layer) << '\n';
    }
    losses << "\n\n";  // gnuplot's index counts these
    layers << "\n\n";
  }
  return {losses.str(), layers.str()};
}

/// The gnuplot command that draws column `column` of every run in `file`.
inline std::string plot_runs(const std::vector<Run>& runs, const std::string& file, int column,
                             const std::vector<std::string>& schemes) {
  std::string command = "plot ";
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto scheme = std::find(schemes.begin(), schemes.end(), runs[i].scheme) - schemes.begin();
    const bool first = i == 0 || runs[i - 1].scheme != runs[i].scheme;
    command += "'" + file + "' index " + std::to_string(i) + " using 3:" + std::to_string(column) +
               " with linespoints linestyle " + std::to_string(scheme + 1) +
               (first ? " title '" + runs[i].scheme + "'" : " notitle") + ", ";
  }
  return command;
}

/// The gnuplot script that draws losses, gradients and similarities into three_schemes.svg.
inline std::string script(const std::vector<Run>& runs, const Options& options, double unigram_entropy) {
  const auto draw = [&](const std::string& file, int column) { return plot_runs(runs, file, column, options.schemes); };
  std::ostringstream script;
  script << R"(set terminal svg size 1400,400 background 'white' font 'sans-serif,13'
set output 'three_schemes.svg'
set datafile separator ','
set style line 1 lc rgb '#d55e00' lw 2 pt 7 ps 0.4
set style line 2 lc rgb '#0072b2' lw 2 pt 5 ps 0.4
set style line 3 lc rgb '#009e73' lw 2 pt 9 ps 0.4
set style line 4 lc rgb '#cc79a7' lw 2 pt 11 ps 0.4
set style line 5 lc rgb '#e69f00' lw 2 pt 13 ps 0.4
set style line 6 lc rgb '#56b4e9' lw 2 pt 6 ps 0.4
set grid lc rgb '#dddddd'
set key at screen 0.82, screen 0.9 left top Left reverse
set multiplot layout 1,3 margins 0.04, 0.81, 0.14, 0.9 spacing 0.05
set title 'Loss on held-out text, nats a character'
set xlabel 'step'
set yrange [*:)"
         << 1.15 * unigram_entropy << "]\n"
         << draw("losses.csv", 5) << unigram_entropy << R"( with lines lc rgb '#888888' dt 2 title 'unigram entropy'
unset key
set xlabel 'layer'
set xrange [0.5:)"
         << options.depth << R"( + 0.5]
set yrange [*:*] noextend
set title "Norm of the layer's gradient, at the start"
set logscale y 2
)" << draw("layers.csv", 4)
         << R"(
unset logscale y
set title 'Cosine of neighbouring inputs, at the end'
)" << draw("layers.csv", 7)
         << "\nunset multiplot\n";
  return script.str();
}

/// Writes tables and plot into options.out; returns a sentence about what was written.
inline std::string plot(const std::vector<Run>& runs, const Options& options, double unigram_entropy) {
  return written(options.out, "three_schemes", "losses.csv and layers.csv", [&] {
    const auto write = [](const char* name, const std::string& text) {
      residual::write_file(name, [&](std::ostream& out) { out << text; });
    };
    const auto [losses, layers] = tables(runs);
    write("losses.csv", losses);
    write("layers.csv", layers);
    write("three_schemes.gp", script(runs, options, unigram_entropy));
  });
}
