#pragma once

#include <array>
#include <cmath>
#include <string>

#include "../support/csv.hpp"
#include "options.hpp"
#include "residual/metrics/sequences.hpp"

/// The metrics of a model of N parameters whose loss is a power law and whose tokens are right independently of each other,
/// with x = N / c:
///
///     loss = x^alpha,   p = e^-loss,   exact match = p^L,   edit distance = L (1 - p)
///
/// Choices are two, the right one with probability p.
struct ClosedForm {
  double alpha;

  double loss(double x) const { return std::pow(x, alpha); }
  double p(double x) const { return std::exp(-loss(x)); }
  double exact_match(double x, Index length) const { return std::pow(p(x), double(length)); }
  double edit_distance(double x, Index length) const { return double(length) * (1 - p(x)); }
  double grade(double x) const { return residual::multiple_choice_grade(choices(x), 0); }
  double brier(double x) const { return residual::brier_score(choices(x), 0); }

 private:
  std::array<double, 2> choices(double x) const { return {p(x), 1 - p(x)}; }
};

/// Writes closed_form.csv, a block a target length.
inline void write_closed_form(const ClosedForm& form, Index longest) {
  write_csv("closed_form.csv", "x,loss,p,grade,brier,length,exact_match,edit_distance", [&](std::ostream& out) {
    for (Index length = 1; length <= longest; ++length) {
      for (double exponent = -2; exponent <= 4; exponent += 1.0 / 8) {
        const double x = std::pow(10, exponent);
        out << x << ',' << form.loss(x) << ',' << form.p(x) << ',' << form.grade(x) << ',' << form.brier(x) << ','
            << length << ',' << form.exact_match(x, length) << ',' << form.edit_distance(x, length) << '\n';
      }
      out << next_block;
    }
  });
}
/// Writes closed_form.gp, which draws it.
inline void write_closed_form_script(Index longest) {
  const std::string lengths = "plot for [L=1:" + std::to_string(longest) + "] 'closed_form.csv' index L-1 using ";
  const char* style = " lw 2 title sprintf('%d', L)\n";
  residual::write_file("closed_form.gp", [&](std::ostream& out) {
    out << R"(set terminal svg size 1200,700 background 'white' font 'sans-serif,13'
set output 'closed_form.svg'
set datafile separator ','
set grid lc rgb '#dddddd'
set logscale x 10
set format x '10^{%T}'
set xlabel 'parameters N / c'
set style data lines
set linetype 5 lc rgb '#d55e00'
set key off
set multiplot layout 2,3 columnsfirst
set title 'Loss a token'
set logscale y 10
plot 'closed_form.csv' index 0 using 1:2 lw 2 lc rgb '#0072b2'
unset logscale y
set title 'Probability of the right token'
plot 'closed_form.csv' index 0 using 1:3 lw 2 lc rgb '#0072b2'
set key on below horizontal title 'target length'
set title 'Sharp: exact match, p^L'
)";
    out << lengths << "1:7" << style << "set title 'Smooth: edit distance, L(1 - p)'\n" << lengths << "1:8" << style;
    out << R"(set key off
set title 'Sharp: grade of one choice of two'
set yrange [-0.05:1.05]
plot 'closed_form.csv' index 0 using 1:4 lw 2 lc rgb '#d55e00'
set yrange [*:*]
set title 'Smooth: its Brier score'
plot 'closed_form.csv' index 0 using 1:5 lw 2 lc rgb '#d55e00'
unset multiplot
)";
  });
}
