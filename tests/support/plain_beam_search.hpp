#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/table_decoding.hpp"

namespace test_support {

/// A complete text, or one that goes on.
struct PlainText {
  Text tokens;
  double log_p = 0, score = 0;
};

/// log P of each token after a prefix, given that of the prefix; -infinity where a token has no probability.
inline std::vector<double> plain_log_p(const std::vector<float>& logits, double before) {
  constexpr double none = -std::numeric_limits<double>::infinity();
  double highest = none, total = 0;
  for (const float logit : logits) {
    if (double(logit) > highest) highest = double(logit);
  }
  std::vector<double> log_p(logits.size(), none);
  if (highest == none) return log_p;
  for (const float logit : logits) {
    if (!std::isnan(logit)) total += std::exp(double(logit) - highest);
  }
  for (std::size_t token = 0; token < logits.size(); ++token) {
    if (!std::isnan(logits[token])) log_p[token] = before - std::log(total) + (double(logits[token]) - highest);
  }
  return log_p;
}

/// Every way to go on from `text` by one token that has a probability, in the order of the tokens.
inline std::vector<PlainText> plain_extensions(const Table& table, const Text& prompt, const PlainText& text,
                                               double alpha) {
  Text all = prompt;
  all.insert(all.end(), text.tokens.begin(), text.tokens.end());
  const auto log_p = plain_log_p(table.logits(all), text.log_p);
  std::vector<PlainText> longer;
  for (std::size_t token = 0; token < log_p.size(); ++token) {
    if (std::isinf(log_p[token])) continue;
    PlainText next{text.tokens, log_p[token]};
    next.tokens.push_back(int(token));
    next.score = next.log_p / std::pow((5 + double(next.tokens.size())) / 6, alpha);
    longer.push_back(next);
  }
  return longer;
}

inline bool is_complete(const Text& text, const residual::Limit& limit) {
  return text.back() == limit.end || residual::Index(text.size()) == limit.tokens;
}
inline void sort_by_score(std::vector<PlainText>& texts) {
  std::stable_sort(texts.begin(), texts.end(),
                   [](const PlainText& a, const PlainText& b) { return a.score > b.score; });
}

/// The search that `beam_search` documents, as plainly as can be: one prompt, whole prefixes, everything sorted.
inline std::vector<PlainText> plain_beam_search(const Table& table, const Text& prompt, const residual::Limit& limit,
                                                std::size_t width, double alpha, std::size_t shortest = 1) {
  std::vector<PlainText> live{{}}, complete;
  while (!live.empty() && complete.size() < width) {
    std::vector<PlainText> ranked;
    for (const auto& text : live) {
      for (const auto& longer : plain_extensions(table, prompt, text, alpha)) {
        if (longer.tokens.back() != limit.end || longer.tokens.size() >= shortest) ranked.push_back(longer);
      }
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const PlainText& a, const PlainText& b) { return a.log_p > b.log_p; });
    live.clear();
    for (std::size_t rank = 0; rank < ranked.size(); ++rank) {
      const bool ends = is_complete(ranked[rank].tokens, limit);
      if (ends && rank < width) complete.push_back(ranked[rank]);
      if (!ends && live.size() < width) live.push_back(ranked[rank]);
    }
  }
  sort_by_score(complete);
  if (complete.size() > width) complete.resize(width);
  return complete;
}

/// Every complete text that has a probability, the best first.
inline std::vector<PlainText> all_texts(const Table& table, const Text& prompt, const residual::Limit& limit,
                                        double alpha) {
  std::vector<PlainText> texts, open{{}};
  while (!open.empty()) {
    const PlainText text = open.back();
    open.pop_back();
    for (const auto& longer : plain_extensions(table, prompt, text, alpha)) {
      (is_complete(longer.tokens, limit) ? texts : open).push_back(longer);
    }
  }
  sort_by_score(texts);
  return texts;
}

}  // namespace test_support
