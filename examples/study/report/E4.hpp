#pragma once

#include <cmath>
#include <optional>

#include "E3.hpp"
#include "page.hpp"
#include "select.hpp"

namespace study {

/// The mean held-out loss of some runs, no number when a run has none.
inline double mean_loss(const std::vector<Json>& runs) {
  std::vector<double> losses;
  for (const Json& r : runs) {
    const Json& loss = r.at("result").at("held_out");
    losses.push_back(loss.is_number() ? loss.get<double>() : std::nan(""));
  }
  return losses.empty() ? std::nan("") : residual::mean(losses);
}
/// The rate with the lowest mean loss, of those that were run with all seeds; nothing when none has a number.
inline std::optional<double> best_rate(const std::vector<Json>& runs) {
  std::optional<double> best;
  double lowest = std::numeric_limits<double>::infinity();
  for (const double rate : values_of<double>(runs, "rate")) {
    const std::vector<Json> own = where(runs, {{"rate", rate}});
    const double loss = mean_loss(own);
    if (own.size() == values_of<std::uint64_t>(runs, "seed").size() && loss < lowest) best = rate, lowest = loss;
  }
  return best;
}
/// "6 + 6 layers"
inline std::string layers_of(Index depth) { return std::to_string(depth) + " + " + std::to_string(depth) + " layers"; }
/// What limits these results, as the results themselves say it.
inline std::vector<std::string> limits_of(const std::vector<Json>& results) {
  double bleu = 0;
  for (const Json& r : results) bleu = std::max(bleu, r.at("result").value("bleu", 0.0));
  std::vector<std::string> limits{
      "Quality of a finished training: " + std::to_string(values_of<Index>(results, "steps").back()) +
          " steps were trained, and the highest BLEU of all runs is " + digits(bleu, "%.2f") + ".",
      "The paper's sizes: width " + std::to_string(values_of<Index>(results, "width").back()) + ", no dropout.",
      "The rate of a scheme was chosen by the losses that are shown, so its own loss is a little too low.",
      "Intervals of so few seeds are wide; the bootstrap of three values tends to be too narrow."};
  const auto rates = values_of<double>(results, "rate");
  for (const Index depth : values_of<Index>(results, "depth")) {
    for (const std::string& scheme : translating_schemes()) {
      const auto best = best_rate(where(results, {{"depth", depth}, {"scheme", scheme}}));
      if (!best || (*best != rates.front() && *best != rates.back())) continue;
      limits.push_back("The best rate of " + scheme + ", " + layers_of(depth) + ": it did best at " + digits(*best) +
                       ", an end of those that were tried.");
    }
  }
  return limits;
}
/// The loss of each held-out sentence, its mean over the runs.
inline std::vector<double> sentence_losses(const std::vector<Json>& runs) {
  std::vector<double> sum;
  for (const Json& r : runs) {
    const auto losses = r.at("result").at("sentences").get<std::vector<double>>();
    sum.resize(losses.size(), 0);
    for (std::size_t i = 0; i < losses.size(); ++i) sum[i] += losses[i] / double(runs.size());
  }
  return sum;
}
/// The held-out losses by step, their means over runs.
inline Series curve_of(const std::vector<Json>& runs, const std::string& panel, const std::string& label) {
  std::map<double, std::vector<double>> losses;
  for (const Json& r : runs) {
    for (const Json& point : r.at("result").at("curve")) {
      if (point[1].is_number()) losses[point[0].get<double>()].push_back(point[1].get<double>());
    }
  }
  return {panel, label, points_of(losses)};
}
/// The first step from which the mean of `a` stays below that of `b`; nothing when it ends above.
inline std::optional<double> crossing(const Series& a, const Series& b) {
  std::optional<double> step;
  for (std::size_t i = 0; i < std::min(a.points.size(), b.points.size()); ++i) {
    if (a.points[i].mean >= b.points[i].mean) {
      step.reset();
    } else if (!step) {
      step = a.points[i].x;
    }
  }
  return step;
}

/// What a pair of schemes differs in at one depth and at the rates that `rate_of` gives them.
template <class RateOf>
void compare(const std::vector<Json>& results, const std::string& a, const std::string& b, double x, Index depth,
             const std::string& which, RateOf&& rate_of, Series& series, std::vector<Claim>& claims) {
  const auto runs = [&](const std::string& scheme) {
    const std::optional<double> rate = rate_of(scheme);
    return rate ? where(results, {{"scheme", scheme}, {"rate", *rate}}) : std::vector<Json>();
  };
  const auto of_a = runs(a), of_b = runs(b);
  for (Point p : paired_difference(of_a, of_b)) {
    p.x = x;
    series.points.push_back(p);
    const std::string what = p.low > 0 ? "higher" : p.high < 0 ? "lower" : "not seen to differ";
    std::string sentence = a + ": held-out loss " + what + ", " + digits(p.mean, "%+.3f") + " nats a piece to " + b +
                           "'s (over seeds " + digits(p.low, "%+.3f") + " to " + digits(p.high, "%+.3f");
    if (std::isfinite(mean_loss(of_a)) && std::isfinite(mean_loss(of_b)) && of_a.size() == of_b.size()) {
      const residual::Interval i = residual::paired_bootstrap(sentence_losses(of_a), sentence_losses(of_b));
      sentence += "; mean over sentences, " + digits(i.low, "%+.3f") + " to " + digits(i.high, "%+.3f");
    }
    claims.push_back({sentence + "), " + layers_of(depth) + ", " + which + ".", "e4_difference"});
  }
}

/// Losses and scores, a row a scheme, depth and rate.
inline Table translation_table(const std::vector<Json>& results) {
  Table table{"Held-out loss in nats a piece; BLEU and chrF of 100 test sentences, means over seeds",
              {{"scheme", "depth", "rate", "seeds", "loss [95 % interval]", "BLEU", "chrF"}}};
  for (const std::string& scheme : translating_schemes()) {
    for (const Index depth : values_of<Index>(results, "depth")) {
      for (const double rate : values_of<double>(results, "rate")) {
        const auto runs = where(results, {{"scheme", scheme}, {"depth", depth}, {"rate", rate}});
        std::vector<double> losses, bleu, chrf;
        for (const Json& r : runs) {
          if (!r.at("result").contains("bleu")) continue;
          losses.push_back(r.at("result").at("held_out"));
          bleu.push_back(r.at("result").at("bleu"));
          chrf.push_back(r.at("result").at("chrf"));
        }
        if (runs.empty()) continue;
        std::string loss = "no number", score = "", characters = "";
        if (losses.size() == runs.size()) {
          const Point p = point_of(0, losses);
          loss = digits(p.mean, "%.3f") + " [" + digits(p.low, "%.3f") + ", " + digits(p.high, "%.3f") + "]";
          score = digits(residual::mean(bleu), "%.2f");
          characters = digits(residual::mean(chrf), "%.1f");
        }
        table.rows.push_back(
            {scheme, layers_of(depth), digits(rate), std::to_string(runs.size()), loss, score, characters});
      }
    }
  }
  return table;
}

inline Section section_E4(const std::vector<Json>& all) {
  Section section{
      .name = "E4",
      .question = "Which translates better?",
      .method =
          "German to English, sentence pairs of Debian's documentation, 4000 shared pieces of words, one embedding; "
          "AdamW, the rate falling as a cosine from each of those in the table, the same seeds for all schemes. A "
          "scheme's own rate is the one with its "
          "lowest mean loss; so is Pre-LN's, at which all are compared, too. Differences are paired by seed; the "
          "second interval resamples held-out sentences."};
  const std::vector<Json> results = where(all, {{"question", "E4"}});
  if (results.empty()) return section;
  Figure curves{.name = "e4_curves",
                .title = "Held-out loss, each scheme at its own rate",
                .xlabel = "step",
                .ylabel = "nats a piece"};
  Figure differences{.name = "e4_difference",
                     .title = "Difference of held-out losses, paired by seed",
                     .xlabel = "",
                     .ylabel = "nats a piece",
                     .style = Figure::marks,
                     .ticks = {"Post-LN to Pre-LN", "ResiDual to Pre-LN", "ResiDual to Post-LN"}};
  for (const Index depth : values_of<Index>(results, "depth")) {
    const auto at_depth = where(results, {{"depth", depth}});
    const auto own = [&](const std::string& scheme) { return best_rate(where(at_depth, {{"scheme", scheme}})); };
    const std::string layers = layers_of(depth);
    std::map<std::string, Series> drawn;
    for (const std::string& scheme : translating_schemes()) {
      if (const auto rate = own(scheme)) {
        drawn[scheme] = curve_of(where(at_depth, {{"scheme", scheme}, {"rate", *rate}}), layers, scheme);
        curves.series.push_back(drawn[scheme]);
      }
    }
    const auto pre_ln = own("Pre-LN");
    Series tuned{layers, "each at its own rate", {}}, one_rate{layers, "at Pre-LN's rate", {}};
    const std::vector<std::pair<std::string, std::string>> pairs{
        {"Post-LN", "Pre-LN"}, {"ResiDual", "Pre-LN"}, {"ResiDual", "Post-LN"}};
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const auto& [a, b] = pairs[i];
      compare(at_depth, a, b, double(i), depth, "each at its own rate", own, tuned, section.claims);
      compare(
          at_depth, a, b, double(i), depth, "both at Pre-LN's rate", [&](const std::string&) { return pre_ln; },
          one_rate, section.claims);
      if (!drawn.contains(a) || !drawn.contains(b)) continue;
      const auto step = crossing(drawn[a], drawn[b]);
      section.claims.push_back({a +
                                    (step ? ": below " + b + "'s loss from step " + digits(*step, "%.0f") + " on"
                                          : ": not below " + b + "'s loss at the end") +
                                    ", " + layers + '.',
                                "e4_curves"});
    }
    for (Series* series : {&tuned, &one_rate}) {
      if (!series->points.empty()) differences.series.push_back(*series);
    }
  }
  if (!curves.series.empty()) section.figures.push_back(curves);
  if (!differences.series.empty()) section.figures.push_back(differences);
  section.tables = {translation_table(results)};
  section.unsupported = limits_of(results);
  return section;
}

}  // namespace study
