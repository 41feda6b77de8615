#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "../support/csv.hpp"
#include "report.hpp"

/// lengths.csv, a block a length.
inline void write_lengths(const std::vector<Length>& lengths, Index longest) {
  write_csv("lengths.csv", "parameters,length,exact,low,high,power,exponential,product,edits,line",
            [&](std::ostream& out) {
              for (Index length = 1; length <= longest; ++length) {
                for (const Length& l : lengths) {
                  if (l.length != length) continue;
                  out << l.size << ',' << length << ',' << l.exact.value << ',' << l.exact.interval.low << ','
                      << l.exact.interval.high << ',' << l.power << ',' << l.exponential << ',' << l.product << ','
                      << l.edits << ',' << l.line << '\n';
                }
                out << next_block;
              }
            });
}
/// choices.csv.
inline void write_choices(const BySize<Adder>& sizes, std::size_t tests) {
  write_csv("choices.csv", "parameters,grade,low,high,brier", [&](std::ostream& out) {
    for (const auto& [size, adders] : sizes) {
      const Share right = share_of(adders, tests, Judge::grade);
      out << size << ',' << right.value << ',' << right.interval.low << ',' << right.interval.high << ','
          << mean_of(adders, tests, Judge::brier) << '\n';
    }
  });
}
/// images.csv, a block a threshold.
inline void write_images(const BySize<Autoencoder>& sizes, const Options& options) {
  write_csv("images.csv", "units,threshold,share,low,high,error", [&](std::ostream& out) {
    const std::size_t images = std::size_t(options.images);
    for (const double c : options.thresholds) {
      for (const auto& [size, models] : sizes) {
        const Share below =
            share_of(models, images, [c](const Autoencoder& a, std::size_t i) { return a.errors[i] < c; });
        const double error = mean_of(models, images, [](const Autoencoder& a, std::size_t i) { return a.errors[i]; });
        out << size << ',' << c << ',' << below.value << ',' << below.interval.low << ',' << below.interval.high << ','
            << error << '\n';
      }
      out << next_block;
    }
  });
}

/// The part of mirage.gp that draws what language models did.
inline void draw_adders(std::ostream& out, Index longest) {
  const std::string lengths = "for [L=1:" + std::to_string(longest) + "] 'lengths.csv' index L-1 using ";
  out << R"(set xlabel 'parameters'
set key on title 'digits; line: p^L'
set title 'Sharp: exact match of the first digits'
)";
  out << "plot " << lengths << "1:3:4:5 with yerrorbars pt 7 ps 0.4 lc L title sprintf('%d', L), " << lengths
      << "1:6 with lines lc L notitle\n";
  out << R"(set key title 'digits; line: L(1 - p)'
set title 'Smooth: their edit distance'
)";
  out << "plot " << lengths << "1:9 with points pt 7 ps 0.5 lc L title sprintf('%d', L), " << lengths
      << "1:10 with lines lc L notitle\n";
  out << R"(set key off
set title 'Sharp: grade of a choice'
plot 'choices.csv' using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.4 lc rgb '#d55e00'
set title 'Smooth: its Brier score'
plot 'choices.csv' using 1:5 lw 2 pt 7 ps 0.4 lc rgb '#d55e00'
)";
}
/// The part that draws what autoencoders did.
inline void draw_autoencoders(std::ostream& out, const std::vector<double>& thresholds) {
  out << R"(set xlabel 'hidden units'
set key on title 'squared error below'
set title 'Sharp: images reconstructed'
plot )";
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    out << "'images.csv' index " << i << " using 1:3:4:5 with yerrorlines lw 2 pt 7 ps 0.4 title '" << thresholds[i]
        << "', ";
  }
  out << R"(
set key off
set title 'Smooth: squared error a pixel'
plot 'images.csv' index 0 using 1:6 lw 2 pt 7 ps 0.4 lc rgb '#0072b2'
)";
}
/// mirage.gp, which draws these tables: sharp metrics above, smooth ones below.
inline void write_script(bool adders, Index longest, const std::vector<double>& thresholds) {
  residual::write_file("mirage.gp", [&](std::ostream& out) {
    out << R"(set terminal svg size 1200,700 background 'white' font 'sans-serif,13'
set output 'mirage.svg'
set datafile separator ','
set grid lc rgb '#dddddd'
set logscale x
set autoscale xfix
set key below horizontal
set style data linespoints
set linetype 5 lc rgb '#d55e00'
set multiplot layout 2,3 columnsfirst
)";
    if (adders) draw_adders(out, longest);
    draw_autoencoders(out, thresholds);
    out << "unset multiplot\n";
  });
}
