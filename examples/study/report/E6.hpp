#pragma once

#include "page.hpp"
#include "select.hpp"

namespace study {

inline Section section_E6(const std::vector<Json>& all) {
  Section section{
      .name = "E6",
      .question = "Do gradients come so near 0 that Adam's epsilon matters?",
      .method =
          "The share of the entries of each layer's gradient that are smaller than epsilon / sqrt(1 - beta2), "
          "epsilon 1e-8 and beta2 .98, before training, at a tenth of the steps and at the end; entries that are "
          "exactly 0, as of a ReLU that never fires, are left out."};
  const std::vector<Json> results = where(all, {{"question", "E6"}});
  if (results.empty()) return section;
  Figure figure{.name = "e6_below",
                .title = "Share of gradient entries, other than 0, below epsilon / sqrt(1 - beta2)",
                .xlabel = "layer",
                .ylabel = "share"};
  Figure histogram{.name = "e6_histogram",
                   .title = "Sizes of the entries of the first layer's gradient",
                   .xlabel = "log10 |g|, lower end of the decade",
                   .ylabel = "share"};
  for (const std::string& scheme : scheme_names()) {
    std::map<Index, std::map<double, std::vector<double>>> below, sizes;
    for (const Json& r : where(results, {{"scheme", scheme}})) {
      for (const Json& snapshot : r.at("result").at("snapshots")) {
        const auto step = snapshot.at("step").get<Index>();
        const auto b = snapshot.at("below").get<std::vector<double>>(),
                   zero = snapshot.at("zero").get<std::vector<double>>();
        for (std::size_t k = 0; k < b.size(); ++k) below[step][double(k + 1)].push_back(b[k] - zero[k]);
        const auto h = snapshot.at("histogram").at(0).get<std::vector<double>>();
        for (std::size_t d = 0; d < h.size(); ++d) sizes[step][double(d) - 14].push_back(h[d]);
      }
    }
    for (const auto& [step, values] : below) {
      figure.series.push_back({scheme, "step " + std::to_string(step), points_of(values)});
      histogram.series.push_back({scheme, "step " + std::to_string(step), points_of(sizes[step])});
    }
    double most = 0;
    for (const auto& [step, values] : below) {
      for (const auto& [k, shares] : values) most = std::max(most, residual::mean(shares));
    }
    if (!below.empty()) {
      section.claims.push_back(
          {scheme + ": at most " + digits(100 * most, "%.2g") +
               " % of a layer's entries are below the bound without being 0, at any of these steps.",
           "e6_below"});
    }
  }
  section.figures = {figure, histogram};
  section.unsupported = {
      "The paper's figure of Adam's condition number at a gradient of 0: that is a limit, and this counts how "
      "near to it real gradients come.",
      "Half precision, where small gradients are rounded to 0 first."};
  return section;
}

}  // namespace study
