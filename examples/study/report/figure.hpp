#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "residual/metrics/intervals.hpp"

namespace study {

/// A mean at a place, with the interval that it lies in.
struct Point {
  double x, mean, low, high;
};
/// The mean of some values, and its bootstrap interval of 95 %.
inline Point point_of(double x, const std::vector<double>& values) {
  const residual::Interval i = residual::bootstrap_mean(values);
  return {x, residual::mean(values), i.low, i.high};
}
/// The points of values that were gathered by their places.
inline std::vector<Point> points_of(const std::map<double, std::vector<double>>& values) {
  std::vector<Point> points;
  for (const auto& [x, v] : values) points.push_back(point_of(x, v));
  return points;
}

/// One line or row of marks of a picture; pictures have a panel for each `panel`.
struct Series {
  std::string panel, label;
  std::vector<Point> points;
};

/// A picture and the numbers behind it: NAME.csv, NAME.gp and, drawn from both, NAME.svg.
struct Figure {
  enum Style { bands, marks };
  std::string name, title, xlabel, ylabel;
  Style style = bands;
  std::vector<std::string> ticks = {};  ///< names of the places 0, 1, ... in x; empty: numbers
  std::vector<Series> series = {};
  std::string settings = {};  ///< of gnuplot, for all panels

  std::vector<std::string> panels() const {
    std::vector<std::string> names;
    for (const Series& s : series) {
      if (std::find(names.begin(), names.end(), s.panel) == names.end()) names.push_back(s.panel);
    }
    return names;
  }
  std::string csv() const;
  std::string script() const;
};

inline std::string csv_number(double value) {
  std::ostringstream s;
  s.precision(8);
  s << value;
  return s.str();
}

inline std::string Figure::csv() const {
  std::string text = "panel,series,x,mean,low,high\n";
  for (const Series& s : series) {
    for (const Point& p : s.points) {
      const auto place = std::size_t(std::max(p.x, 0.0));
      text += s.panel + ',' + s.label + ',' + (ticks.empty() ? csv_number(p.x) : ticks.at(place)) + ',' +
              csv_number(p.mean) + ',' + csv_number(p.low) + ',' + csv_number(p.high) + '\n';
    }
  }
  return text;
}

/// A string of gnuplot's.
inline std::string quoted(const std::string& text) { return '"' + text + '"'; }

inline std::string Figure::script() const {
  static const char* const colours[] = {"#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
                                        "#000000", "#882255", "#117733", "#999933", "#6699cc", "#aa4499"};
  const std::vector<std::string> all = panels();
  const std::size_t columns = std::min<std::size_t>(all.size(), 4), rows = (all.size() + columns - 1) / columns;
  const std::size_t width = all.size() == 1 ? 860 : 300 * columns, height = all.size() == 1 ? 420 : 250 * rows;
  std::ostringstream s;
  s << "set terminal svg size " << width << ',' << height << " background 'white' font 'sans-serif,11' name '" << name
    << "'\nset output '" << name << ".svg'\nset datafile separator ','\nset grid lc rgb '#dddddd'\n"
    << "set key " << (all.size() == 1 ? "outside right" : "bmargin center horizontal font ',9'")
    << " Left reverse samplen 2\n"
    << "set xlabel " << quoted(xlabel) << " offset 0,0.4\nset ylabel " << quoted(ylabel) << '\n';
  if (all.size() > 1) s << "set xtics font ',8'\nset ytics font ',9'\n";
  if (!ticks.empty()) {
    s << "set xtics rotate by -35 (";
    for (std::size_t i = 0; i < ticks.size(); ++i) s << (i ? ", " : "") << quoted(ticks[i]) << ' ' << i;
    s << ")\nset xrange [-0.6:" << double(ticks.size()) - 0.4 << "]\n";
  }
  s << settings << '\n';
  std::size_t number = 0;
  for (const Series& one : series) {
    s << "$data" << number++ << " << EOD\n";
    for (const Point& p : one.points) {
      s << csv_number(p.x) << ',' << csv_number(p.mean) << ',' << csv_number(p.low) << ',' << csv_number(p.high)
        << '\n';
    }
    s << "EOD\n";
  }
  if (all.size() > 1) s << "set multiplot layout " << rows << ',' << columns << '\n';
  for (const std::string& panel : all) {
    s << "set title " << quoted(panel) << "\nplot ";
    std::size_t colour = 0;
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (series[i].panel != panel) continue;
      const std::string data = "$data" + std::to_string(i), paint = "rgb " + quoted(colours[colour % 12]);
      s << (colour ? ", " : "");
      if (style == marks) {
        const double shift = ticks.empty() ? 0 : 0.2 * double(colour);
        s << data << " using ($1+" << shift << "):2:3:4 with yerrorbars lw 2 pt 7 ps 0.5 lc " << paint << " title "
          << quoted(series[i].label);
      } else {
        s << data << " using 1:3:4 with filledcurves fs transparent solid 0.2 noborder lc " << paint << " notitle, "
          << data << " using 1:2 with lines lw 1.5 lc " << paint << " title " << quoted(series[i].label);
      }
      ++colour;
    }
    s << '\n';
  }
  return s.str();
}

}  // namespace study
