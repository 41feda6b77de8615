#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sweep.hpp"

/// A sweep and what its points took.
struct Curve {
  Sweep sweep;
  std::vector<Times> times;
};

/// A number with two decimals.
inline std::string two_decimals(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

inline void write_csv(const std::vector<Curve>& curves, const std::string& file) {
  std::ofstream csv(file);
  csv << "sweep,size,d,n,depth,batch,inference_us_per_token,training_us_per_token\n";
  for (const Curve& curve : curves) {
    for (const auto& [p, inference, training] : curve.times) {
      csv << curve.sweep.name << ',' << p.*curve.sweep.size << ',' << p.dim << ',' << p.length << ',' << p.depth << ','
          << p.batch << ',' << inference << ',' << training << '\n';
    }
    csv << "\n\n";  // gnuplot's index counts these
  }
}

/// The sizes that a sweep leaves as they are, for its title.
inline std::string others(const Sweep& sweep) {
  std::string text;
  const auto say = [&](const char* name, Index Point::*size) {
    if (size != sweep.size)
      text += (text.empty() ? "" : ", ") + std::string(name) + ' ' + std::to_string(sweep.first.*size);
  };
  say("d", &Point::dim), say("n", &Point::length), say("depth", &Point::depth), say("batch", &Point::batch);
  return text;
}

inline void write_script(const std::vector<Curve>& curves, const std::string& file) {
  std::ofstream script(file);
  script << R"(set terminal svg size 1400,380 background 'white' font 'sans-serif,13'
set output 'scaling.svg'
set datafile separator ','
set style line 1 lc rgb '#0072b2' lw 2 pt 7 ps 0.5
set style line 2 lc rgb '#d55e00' lw 2 pt 5 ps 0.5
set grid lc rgb '#dddddd'
set key top left Left reverse
set logscale x 2
set logscale y 10
set multiplot layout 1,)"
         << curves.size() << " title 'Microseconds a token'\n";
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const auto& [sweep, times] = curves[i];
    const auto draw = [&](int column, const std::string& name, double e) {
      return "'scaling.csv' index " + std::to_string(i) + " using 2:" + std::to_string(column) +
             " with linespoints linestyle " + std::to_string(column - 6) + " title '" + name + ", exponent " +
             two_decimals(e) + "'";
    };
    script << "set xlabel '" << sweep.name << " (" << others(sweep) << ")'\n"
           << "set yrange [*:" << 6 * times.back().training << "]\n"
           << "plot " << draw(8, "training", training_exponent(sweep, times)) << ", "
           << draw(7, "inference", inference_exponent(sweep, times)) << '\n';
  }
  script << "unset multiplot\n";
}

/// Writes table and plot into the folder; returns a sentence about what was written.
inline std::string plot(const std::vector<Curve>& curves, const std::string& folder) {
  std::filesystem::create_directories(folder);
  write_csv(curves, folder + "/scaling.csv");
  write_script(curves, folder + "/scaling.gp");
  const auto home = std::filesystem::current_path();
  std::filesystem::current_path(folder);
  const bool drawn = std::system("gnuplot scaling.gp") == 0;
  std::filesystem::current_path(home);
  if (drawn) return "Plot: " + folder + "/scaling.svg, from scaling.csv.";
  return "Written: " + folder +
         "/scaling.csv. There is no plot: install gnuplot (apt-get install gnuplot-nox), then call " +
         "gnuplot scaling.gp in " + folder + ".";
}
