#pragma once

#include "page.hpp"
#include "select.hpp"

namespace study {

/// A list of E2's results by sub-layer, at the start and at the end, a panel a scheme.
inline Figure collapse_figure(const std::vector<Json>& results, const char* field, Index first, Figure figure) {
  for (const std::string& scheme : scheme_names()) {
    for (const char* when : {"start", "end"}) {
      std::map<double, std::vector<double>> values;
      for (const Json& r : where(results, {{"scheme", scheme}})) {
        const Json& list = r.at("result").at(when).at(field);
        for (std::size_t k = 0; k < list.size(); ++k) {
          if (list[k].is_number()) values[double(k) + double(first)].push_back(list[k].get<double>());
        }
      }
      if (!values.empty()) figure.series.push_back({scheme, when, points_of(values)});
    }
  }
  return figure;
}

/// The mean over seeds of how many of the deeper half of the sub-layers matter less than `least` nats.
inline double idle_share(const std::vector<Json>& results, double least) {
  double idle = 0, all = 0;
  for (const Json& r : results) {
    const Json& rises = r.at("result").at("end").at("loss_rises");
    for (std::size_t k = rises.size() / 2; k < rises.size(); ++k) {
      ++all;
      idle += rises[k].is_number() && rises[k].get<double>() < least;
    }
  }
  return all > 0 ? idle / all : 0;
}

inline Section section_E2(const std::vector<Json>& all) {
  Section section{.name = "E2",
                  .question = "Do deep layers collapse, at the start and after training?",
                  .method =
                      "A causal language model of characters, looked at before and after training with warm-up, on "
                      "held-out text: how much the loss rises when one sub-layer's output is set to 0, which is the "
                      "measure that decides; the cosine and the mean absolute difference of what neighbouring "
                      "sub-layers read; the mean cosine of two tokens."};
  const std::vector<Json> results = where(all, {{"question", "E2"}});
  if (results.empty()) return section;
  section.figures = {collapse_figure(results, "loss_rises", 1,
                                     {.name = "e2_without",
                                      .title = "Rise of the held-out loss without sub-layer k",
                                      .xlabel = "sub-layer left out",
                                      .ylabel = "nats"}),
                     collapse_figure(results, "cosines", 2,
                                     {.name = "e2_cosines",
                                      .title = "Cosine of what sub-layers k and k - 1 read",
                                      .xlabel = "sub-layer",
                                      .ylabel = "cosine"}),
                     collapse_figure(results, "differences", 2,
                                     {.name = "e2_differences",
                                      .title = "Mean absolute difference of what sub-layers k and k - 1 read",
                                      .xlabel = "sub-layer",
                                      .ylabel = "difference"}),
                     collapse_figure(results, "tokens", 1,
                                     {.name = "e2_tokens",
                                      .title = "Mean cosine of two tokens that sub-layer k reads",
                                      .xlabel = "sub-layer",
                                      .ylabel = "cosine"})};
  Table table{
      "Held-out loss after training, nats a character, and the share of the deeper half of the sub-layers that can "
      "each be left out for less than 0.01 nats",
      {{"scheme", "seeds", "loss [95 % interval]", "can be left out"}}};
  for (const std::string& scheme : scheme_names()) {
    const std::vector<Json> own = where(results, {{"scheme", scheme}});
    std::vector<double> losses;
    for (const Json& r : own) {
      if (r.at("result").at("held_out").is_number()) losses.push_back(r.at("result").at("held_out"));
    }
    if (losses.empty()) continue;
    const Point p = point_of(0, losses);
    const std::string idle = digits(100 * idle_share(own, 0.01), "%.0f") + " %";
    table.rows.push_back({scheme, std::to_string(losses.size()),
                          digits(p.mean, "%.3f") + " [" + digits(p.low, "%.3f") + ", " + digits(p.high, "%.3f") + "]",
                          idle});
    section.claims.push_back({scheme + ": " + idle +
                                  " of the deeper half of the sub-layers can each be left out for less "
                                  "than 0.01 nats after training.",
                              "e2_without"});
  }
  section.tables = {table};
  section.unsupported = {
      "What longer training does: after so few steps few sub-layers have learned much, whatever the scheme.",
      "That an alike input is a useless layer: cosines near 1 and a small rise of the loss are different measurements.",
      "The translation encoder, which was not run."};
  return section;
}

}  // namespace study
