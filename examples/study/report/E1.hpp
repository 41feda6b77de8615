#pragma once

#include "page.hpp"
#include "select.hpp"

namespace study {

/// The slope of ln g over the layers, by least squares: what one layer towards the output adds to it.
inline double slope_of(const std::vector<double>& gradients) {
  const double n = double(gradients.size());
  double x = 0, y = 0, xx = 0, xy = 0;
  for (std::size_t k = 0; k < gradients.size(); ++k) {
    const double log = std::log(std::max(gradients[k], 1e-300));
    x += double(k), y += log, xx += double(k * k), xy += double(k) * log;
  }
  return (n * xy - x * y) / (n * xx - x * x);
}
/// What Post-LN's theory expects of that slope, with the measured variances of f: every sub-layer divides the gradient of the
/// stream by sqrt(1 + var f), so a layer of two divides it by both.
inline double post_ln_slope(const Json& result) {
  double sum = 0;
  const auto squares = result.at("branch_squares").get<std::vector<double>>();
  for (const double square : squares) sum += std::log1p(square) / 2;
  return 2 * sum / double(squares.size());
}
/// "falls" and the like, of a slope with its interval.
inline std::string verdict(const Point& slope, const std::string& scheme) {
  if (slope.low > 0) {
    return scheme + ": shrinks towards the input, by the factor " + digits(std::exp(-slope.mean), "%.3f") + " a layer";
  }
  if (slope.high < 0)
    return scheme + ": grows towards the input, by the factor " + digits(std::exp(-slope.mean), "%.3f") + " a layer";
  return scheme + ": no trend seen";
}

/// ln g by layer, a panel a scheme: the gradients of the stack of that name in `results`.
inline Figure gradient_profiles(const std::vector<Json>& results, const char* stack, Figure figure) {
  for (const std::string& scheme : scheme_names()) {
    std::map<double, std::vector<double>> measured, theory;
    for (const Json& r : where(results, {{"scheme", scheme}})) {
      const auto g = r.at("result").at(stack).get<std::vector<double>>();
      for (std::size_t k = 0; k < g.size(); ++k) measured[double(k + 1)].push_back(std::log(std::max(g[k], 1e-300)));
      if (scheme != "Post-LN" || r.at("cell").at("task") == "translation") continue;
      const double last = std::log(g.back()), slope = post_ln_slope(r.at("result"));
      for (std::size_t k = 0; k < g.size(); ++k) {
        theory[double(k + 1)].push_back(last - slope * double(g.size() - 1 - k));
      }
    }
    if (!measured.empty()) figure.series.push_back({scheme, "measured", points_of(measured)});
    if (!theory.empty()) figure.series.push_back({scheme, "theory, f independent", points_of(theory)});
  }
  return figure;
}

/// The sentence about a scheme's slope.
inline Claim slope_claim(const Point& slope, const std::string& scheme, const std::string& where_seen,
                         const std::string& figure) {
  return {verdict(slope, scheme) + ' ' + where_seen + " (slope " + digits(slope.mean, "%.4f") + ", interval " +
              digits(slope.low, "%.4f") + " to " + digits(slope.high, "%.4f") + ").",
          figure};
}

inline Figure slopes_by_depth(const std::vector<Json>& causal) {
  Figure figure{
      .name = "e1_slopes",
      .title = "Slope of ln g a layer by depth, causal, Xavier: above 0 the gradient shrinks towards the input",
      .xlabel = "layers",
      .ylabel = "slope"};
  for (const std::string& scheme : scheme_names()) {
    std::map<double, std::vector<double>> slopes;
    for (const Json& r : where(causal, {{"scheme", scheme}})) {
      slopes[r.at("cell").at("depth").get<double>()].push_back(slope_of(r.at("result").at("causal")));
    }
    if (!slopes.empty()) figure.series.push_back({"", scheme, points_of(slopes)});
  }
  return figure;
}

/// Slopes of other initialisations and stacks, a row a scheme.
inline Table slope_table(const std::vector<Json>& results) {
  struct Column {
    std::string task, init, stack;
  };
  const std::vector<Column> columns{{"causal", "xavier", "causal"},       {"causal", "fairseq", "causal"},
                                    {"causal", "normal", "causal"},       {"masked", "xavier", "masked"},
                                    {"translation", "xavier", "encoder"}, {"translation", "xavier", "decoder"}};
  const auto depths = values_of<Index>(where(results, {{"init", "fairseq"}}), "depth");
  Table table{"Slope of ln g a layer [95 % interval] by initialisation and stack, " +
                  (depths.empty() ? std::string("no") : std::to_string(depths.front())) + " layers",
              {{"scheme"}}};
  for (const Column& c : columns) table.rows[0].push_back(c.stack + ", " + c.init);
  for (const std::string& scheme : scheme_names()) {
    std::vector<std::string> row{scheme};
    for (const Column& c : columns) {
      std::vector<double> slopes;
      for (const Index depth : depths) {
        for (const Json& r :
             where(results, {{"scheme", scheme}, {"task", c.task}, {"init", c.init}, {"depth", depth}})) {
          slopes.push_back(slope_of(r.at("result").at(c.stack)));
        }
      }
      if (slopes.empty()) {
        row.push_back("not run");
        continue;
      }
      const Point p = point_of(0, slopes);
      row.push_back(digits(p.mean, "%.3f") + " [" + digits(p.low, "%.3f") + ", " + digits(p.high, "%.3f") + "]");
    }
    table.rows.push_back(row);
  }
  return table;
}

/// E1 without the closed forms, which have a section of their own.
inline Section section_E1(const std::vector<Json>& all) {
  Section section{
      .name = "E1",
      .question = "How large is each layer's gradient at the start?",
      .method =
          "One batch of text, the cross-entropy's gradient, before the first step: the norm over the linear "
          "maps of a layer, several seeds. The theory's line takes the variance of f as measured, and "
          "assumes f to be independent of the stream; it ends at the last layer's measured value.",
      .unsupported = {}};
  const std::vector<Json> results = where(all, {{"question", "E1"}});
  const std::vector<Json> causal = where(results, {{"task", "causal"}, {"init", "xavier"}});
  if (causal.empty()) return section;
  const Index depth = values_of<Index>(causal, "depth").back();
  const std::vector<Json> deepest = where(causal, {{"depth", depth}});
  const std::string layers = std::to_string(depth) + " layers";
  section.figures = {
      slopes_by_depth(causal),
      gradient_profiles(deepest, "causal",
                        {.name = "e1_gradients",
                         .title = "ln of the gradient's norm by layer at the start, " + layers + ", causal, Xavier",
                         .xlabel = "layer",
                         .ylabel = "ln g"})};
  section.tables = {slope_table(results)};
  for (const Series& s : section.figures[0].series) {
    section.claims.push_back(slope_claim(s.points.back(), s.label, "in a causal stack of " + layers, "e1_slopes"));
  }
  const std::vector<Json> translation = where(results, {{"task", "translation"}});
  if (!translation.empty()) {
    const std::string shape =
        "of an encoder-decoder of " + std::to_string(values_of<Index>(translation, "depth").back()) + " layers each";
    section.figures.push_back(
        gradient_profiles(translation, "decoder",
                          {.name = "e1_decoder",
                           .title = "ln of the gradient's norm by layer at the start, decoder " + shape + ", Xavier",
                           .xlabel = "decoder layer",
                           .ylabel = "ln g"}));
    for (const std::string& scheme : scheme_names()) {
      std::vector<double> slopes;
      for (const Json& r : where(translation, {{"scheme", scheme}})) {
        slopes.push_back(slope_of(r.at("result").at("decoder")));
      }
      if (slopes.empty()) continue;
      section.claims.push_back(slope_claim(point_of(0, slopes), scheme, "in the decoder " + shape, "e1_decoder"));
    }
  }
  std::vector<double> measured, expected;
  for (const Json& r : where(deepest, {{"scheme", "Post-LN"}})) {
    measured.push_back(slope_of(r.at("result").at("causal")));
    expected.push_back(post_ln_slope(r.at("result")));
  }
  if (!measured.empty()) {
    section.claims.push_back({"Post-LN: branches that did not read the stream would give a slope of " +
                                  digits(residual::mean(expected), "%.3f") +
                                  " with the measured variance of f; with "
                                  "branches that read it the slope is " +
                                  digits(residual::mean(measured), "%.3f") + ".",
                              "e1_gradients"});
  }
  section.unsupported = {
      "That a small gradient at the start makes training fail: Adam divides by its size. E3 asks that.",
      "Any other width, data or batch than the one that was measured.",
      "Small differences between schemes: with few seeds a bootstrap interval is too narrow. Hyper-Connections and "
      "DenseFormer "
      "start as Pre-LN, so how far they are from it shows what other draws of the weights do."};
  return section;
}

}  // namespace study
