#pragma once

#include "page.hpp"
#include "select.hpp"

namespace study {

inline Section section_E5(const std::vector<Json>& all) {
  Section section{
      .name = "E5",
      .question = "What does each scheme cost?",
      .method =
          "Seconds of a training step (forward, backward, AdamW) on one thread, in turn with Post-LN's, step by "
          "step, as the median of the ratios; bytes of parameters, gradient, moments and activations. 6 "
          "layers; the spread is over repetitions."};
  const std::vector<Json> results = where(all, {{"question", "E5"}});
  if (results.empty()) return section;
  const auto figure = [&](const char* field, Figure f, const char* what) {
    f.style = Figure::marks;
    f.ticks = scheme_names();
    f.series.push_back({"", "to Post-LN", {}});
    for (std::size_t s = 0; s < scheme_names().size(); ++s) {
      std::vector<double> ratios;
      for (const Json& r : where(results, {{"scheme", scheme_names()[s]}})) ratios.push_back(r.at("result").at(field));
      if (ratios.empty()) continue;
      const Point p = point_of(double(s), ratios);
      f.series[0].points.push_back(p);
      section.claims.push_back({scheme_names()[s] + ": " + digits(p.mean, "%.2f") + " times Post-LN's " + what +
                                    " (interval " + digits(p.low, "%.2f") + " to " + digits(p.high, "%.2f") + ").",
                                f.name});
    }
    section.figures.push_back(f);
  };
  figure("time_ratio",
         {.name = "e5_time", .title = "Time of a training step over Post-LN's", .xlabel = "", .ylabel = "ratio"},
         "time");
  figure("bytes_ratio",
         {.name = "e5_bytes", .title = "Bytes of training over Post-LN's", .xlabel = "", .ylabel = "ratio"}, "bytes");
  const Json& cell = results.front().at("cell");
  std::vector<double> itself;
  for (const Json& r : where(results, {{"scheme", "Post-LN"}})) itself.push_back(r.at("result").at("time_ratio"));
  if (!itself.empty()) {
    const Point p = point_of(0, itself);
    section.unsupported.push_back("Differences of time as small as that of Post-LN from itself, which was timed as " +
                                  digits(p.mean, "%.2f") + " (interval " + digits(p.low, "%.2f") + " to " +
                                  digits(p.high, "%.2f") + "): what else the machine did.");
  }
  section.unsupported.insert(
      section.unsupported.end(),
      {"Other shapes: at width " + cell.at("width").dump() +
           " what a scheme adds weighs more than at the widths of real models, where matrix products rule.",
       "The memory of the embedding's gradients or of an allocator: bytes are counted, not sampled."});
  return section;
}

}  // namespace study
