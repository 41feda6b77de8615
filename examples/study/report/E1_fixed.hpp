#pragma once

#include "page.hpp"
#include "residual/train/gain.hpp"
#include "select.hpp"

namespace study {

/// The root mean square of df_k for k = 1 .. n, where every f is N(0, v) whatever it reads and dy is N(0, 1); alpha of DeepNorm.
///
///     Post-LN    (1 + v)^(-(n - k + 1) / 2)                       Pre-LN  (1 + n v)^(-1/2)
///     ResiDual   the sum of both, the gradients being parallel
///     DeepNorm   (a^2 + v)^(-1/2) (a^2 / (a^2 + v))^((n - k) / 2)
inline double expected_gradient(const std::string& scheme, double k, double n, double v, double alpha) {
  const double post = std::pow(1 + v, -(n - k + 1) / 2), pre = 1 / std::sqrt(1 + n * v);
  if (scheme == "Post-LN") return post;
  if (scheme == "Pre-LN") return pre;
  if (scheme == "ResiDual") return post + pre;
  const double a = alpha * alpha;
  return std::pow(a / (a + v), (n - k) / 2) / std::sqrt(a + v);
}
/// The mean square of x_(k+1) - x_k, k = 1 .. n - 1, x being what sub-layers read:
///
///     Post-LN, ResiDual  2 - 2 / sqrt(1 + v)        Pre-LN  2 - 2 sqrt((1 + (k - 1) v) / (1 + k v))
///     DeepNorm           2 - 2 a / sqrt(a^2 + v)
inline double expected_change(const std::string& scheme, double k, double v, double alpha) {
  if (scheme == "Pre-LN") return 2 - 2 * std::sqrt((1 + (k - 1) * v) / (1 + k * v));
  const double a = scheme == "DeepNorm" ? alpha : 1;
  return 2 - 2 * a / std::sqrt(a * a + v);
}

/// E1 on the paper's own assumption, where theory gives closed forms.
inline Section section_E1_fixed(const std::vector<Json>& all) {
  Section section{
      .name = "E1, closed forms",
      .question = "Are the formulas right where their assumption holds?",
      .method =
          "Sub-layers that do not read the stream, f_k = M W_k with a fixed memory M, rows of mean square 1, and a "
          "gradient of y that is N(0, 1): the size of the gradient of f_k, and how much what neighbouring "
          "sub-layers read differs, beside the formulas. No number is fitted.",
      .unsupported = {"Anything about sub-layers that read the stream: see the section before."}};
  const std::vector<Json> results = where(all, {{"task", "fixed"}});
  if (results.empty()) return section;
  const double n = results.front().at("cell").at("depth"), gain = results.front().at("cell").at("gain");
  const double v = gain * gain, alpha = residual::deep_norm(std::max<residual::Index>(residual::Index(n) / 2, 1)).alpha;
  Figure gradients{.name = "e1_fixed_gradients",
                   .title = "ln of the root mean square of df_k by sub-layer, branches that do not read the stream",
                   .xlabel = "sub-layer",
                   .ylabel = "ln rms df"};
  Figure changes{.name = "e1_fixed_changes",
                 .title = "Mean square of the change between what neighbouring sub-layers read, the same branches",
                 .xlabel = "sub-layer",
                 .ylabel = "mean square change"};
  double worst_gradient = 0, worst_change = 0;
  for (const std::string& scheme : scheme_names()) {
    std::map<double, std::vector<double>> g, c, g_theory, c_theory;
    for (const Json& r : where(results, {{"scheme", scheme}})) {
      const auto measured = r.at("result").at("gradients").get<std::vector<double>>();
      const auto moved = r.at("result").at("changes").get<std::vector<double>>();
      for (std::size_t i = 0; i < measured.size(); ++i) {
        const double k = double(i + 1), expected = expected_gradient(scheme, k, n, v, alpha);
        g[k].push_back(std::log(measured[i]));
        g_theory[k].push_back(std::log(expected));
      }
      for (std::size_t i = 0; i < moved.size(); ++i) {
        c[double(i + 1)].push_back(moved[i]);
        c_theory[double(i + 1)].push_back(expected_change(scheme, double(i + 1), v, alpha));
      }
    }
    if (g.empty()) continue;
    for (const auto& [k, values] : g) {
      worst_gradient = std::max(worst_gradient, std::abs(residual::mean(values) - g_theory[k][0]));
    }
    for (const auto& [k, values] : c) {
      worst_change = std::max(worst_change, std::abs(residual::mean(values) / c_theory[k][0] - 1));
    }
    gradients.series.push_back({scheme, "formula", points_of(g_theory)});
    gradients.series.push_back({scheme, "measured", points_of(g)});
    changes.series.push_back({scheme, "formula", points_of(c_theory)});
    changes.series.push_back({scheme, "measured", points_of(c)});
  }
  section.figures = {gradients, changes};
  section.claims = {
      {"Where the assumption holds, the measured gradients lie on the formulas within a factor of " +
           digits(std::exp(worst_gradient), "%.3f") + " at every one of the " + digits(n, "%.0f") + " sub-layers.",
       "e1_fixed_gradients"},
      {"So does the change between neighbouring inputs, within " + digits(100 * worst_change, "%.1f") + " %.",
       "e1_fixed_changes"}};
  return section;
}

}  // namespace study
