#pragma once

#include "page.hpp"
#include "select.hpp"

namespace study {

/// The best held-out loss of the runs of that depth; infinite without any.
inline double best_loss(const std::vector<Json>& results) {
  double best = std::numeric_limits<double>::infinity();
  for (const Json& r : results) {
    const Json& loss = r.at("result").at("held_out");
    if (loss.is_number()) best = std::min(best, loss.get<double>());
  }
  return best;
}
/// The rule that was fixed before the runs: a run trained unless its loss is no number, within 0.05 nats of the unigram
/// entropy or above, or 1.5 times the best or more.
inline bool has_trained(const Json& r, double best) {
  const Json& loss = r.at("result").at("held_out");
  return loss.is_number() && loss.get<double>() < r.at("result").at("unigram_entropy").get<double>() - 0.05 &&
         loss.get<double>() < 1.5 * best;
}

/// The difference of two series of losses, paired by seed, with its bootstrap interval; no points of fewer than two pairs.
inline std::vector<Point> paired_difference(const std::vector<Json>& a, const std::vector<Json>& b) {
  std::vector<double> losses_a, losses_b;
  for (const Json& one : a) {
    for (const Json& other : where(b, {{"seed", one.at("cell").at("seed")}})) {
      const Json &la = one.at("result").at("held_out"), &lb = other.at("result").at("held_out");
      if (!la.is_number() || !lb.is_number()) continue;
      losses_a.push_back(la);
      losses_b.push_back(lb);
    }
  }
  if (losses_a.size() < 2) return {};  // of one pair there is no interval
  const residual::Interval i = residual::paired_bootstrap(losses_a, losses_b);
  return {{0, residual::mean(losses_a) - residual::mean(losses_b), i.low, i.high}};
}

/// The held-out losses behind the shares, a row a scheme, depth and warm-up.
inline Table loss_table(const std::vector<Json>& results) {
  Table table{"Held-out loss at the end, nats a character; the text's unigram entropy is " +
                  digits(results.front().at("result").at("unigram_entropy"), "%.3f"),
              {{"scheme", "layers", "warm-up", "runs", "trained", "no number", "loss [95 % interval]"}}};
  for (const std::string& scheme : scheme_names()) {
    for (const Index depth : values_of<Index>(results, "depth")) {
      for (const Index warmup : values_of<Index>(results, "warmup")) {
        const auto runs = where(results, {{"scheme", scheme}, {"depth", depth}, {"warmup", warmup}});
        if (runs.empty()) continue;
        std::vector<double> losses;
        std::size_t trained = 0;
        for (const Json& r : runs) {
          trained += has_trained(r, best_loss(where(results, {{"depth", depth}})));
          if (r.at("result").at("held_out").is_number()) losses.push_back(r.at("result").at("held_out"));
        }
        std::string loss = "none";
        if (!losses.empty()) {
          const Point p = point_of(0, losses);
          loss = digits(p.mean, "%.3f") + " [" + digits(p.low, "%.3f") + ", " + digits(p.high, "%.3f") + "]";
        }
        table.rows.push_back({scheme, std::to_string(depth), std::to_string(warmup) + " %", std::to_string(runs.size()),
                              std::to_string(trained), std::to_string(runs.size() - losses.size()), loss});
      }
    }
  }
  return table;
}

inline Section section_E3(const std::vector<Json>& all) {
  Section section{
      .name = "E3",
      .question = "Does it train without warm-up?",
      .method =
          "A causal language model of characters, AdamW at one rate for all, with and without warm-up in the "
          "first tenth of the steps. Rule, fixed before the runs: failed means a held-out loss that is no "
          "number, within 0.05 nats of the unigram entropy, or 1.5 times the best of that depth. Intervals are "
          "Wilson's."};
  const std::vector<Json> results = where(all, {{"question", "E3"}});
  if (results.empty()) return section;
  const auto depths = values_of<Index>(results, "depth");
  const auto gains = values_of<double>(results, "gain");
  Figure shares{.name = "e3_trained",
                .title = "Share of runs that train, over depths, gains and seeds",
                .xlabel = "",
                .ylabel = "share",
                .style = Figure::marks,
                .ticks = scheme_names(),
                .settings = "set yrange [0:1.05]"};
  Figure gaps{.name = "e3_warmup",
              .title = "Held-out loss without warm-up minus with it, paired by seed",
              .xlabel = "",
              .ylabel = "nats",
              .style = Figure::marks,
              .ticks = scheme_names()};
  for (const Index warmup : values_of<Index>(results, "warmup")) {
    Series series{"", "warm-up " + std::to_string(warmup) + " %", {}};
    for (std::size_t s = 0; s < scheme_names().size(); ++s) {
      const auto runs = where(results, {{"scheme", scheme_names()[s]}, {"warmup", warmup}});
      if (runs.empty()) continue;
      std::size_t good = 0;
      for (const Json& r : runs)
        good += has_trained(r, best_loss(where(results, {{"depth", r.at("cell").at("depth")}})));
      const residual::Interval w = residual::wilson_interval(good, runs.size());
      series.points.push_back({double(s), double(good) / double(runs.size()), w.low, w.high});
      if (warmup == 0) {
        section.claims.push_back({scheme_names()[s] + ": " + std::to_string(good) + " of " +
                                      std::to_string(runs.size()) + " runs train without warm-up (interval " +
                                      digits(w.low, "%.2f") + " to " + digits(w.high, "%.2f") + ").",
                                  "e3_trained"});
      }
    }
    shares.series.push_back(series);
  }
  for (const Index depth : depths) {
    Series series{"", std::to_string(depth) + " layers", {}};
    for (std::size_t s = 0; s < scheme_names().size(); ++s) {
      const auto at = [&](Index warmup) {
        return where(results,
                     {{"scheme", scheme_names()[s]}, {"depth", depth}, {"warmup", warmup}, {"gain", gains.back()}});
      };
      for (Point p : paired_difference(at(0), at(10))) {
        p.x = double(s);
        series.points.push_back(p);
        const std::string size = digits(p.mean, "%.3f") + " nats, interval " + digits(p.low, "%.3f") + " to " +
                                 digits(p.high, "%.3f") + " at " + std::to_string(depth) + " layers";
        const std::string what = p.low > 0    ? ": worse without warm-up by "
                                 : p.high < 0 ? ": better without warm-up by "
                                              : ": no difference seen between warm-up and none, ";
        section.claims.push_back({scheme_names()[s] + what + size + '.', "e3_warmup"});
      }
    }
    if (!series.points.empty()) gaps.series.push_back(series);
  }
  section.tables = {loss_table(results)};
  section.figures = {shares};
  if (!gaps.series.empty()) section.figures.push_back(gaps);
  section.unsupported = {
      "That a run which counts as failed learns nothing: the rule takes the entropy of the whole text, but the losses "
      "are of "
      "held-out text, whose characters are not as frequent, so a slow run may lie above the bound and yet know more "
      "than "
      "frequencies.",
      "What becomes of a run after more steps: there are " + std::to_string(values_of<Index>(results, "steps").back()) +
          ", and warm-up takes a tenth of them.",
      "Which scheme is best at its own best rate: the rate is one for all and was not tuned.",
      "Intervals of so few seeds are wide; the bootstrap of three values tends to be too narrow."};
  return section;
}

}  // namespace study
