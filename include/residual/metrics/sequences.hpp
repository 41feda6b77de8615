#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "residual/core/check.hpp"
#include "residual/core/edits.hpp"

namespace residual {

/// Tokens that lie in memory one behind the other: a span, a vector, a string.
template <class R>
concept TokenSequence = requires(const R& tokens) {
  tokens.begin(), tokens.end();
  std::span(tokens.data(), tokens.size());
};

/// Whether a sequence is the target, entry by entry: 1 or 0. A sharp metric, which grows as p^length with a token's
/// probability p (Schaeffer et al. 2023, arXiv:2304.15004).
double exact_match(const TokenSequence auto& answer, const TokenSequence auto& target) {
  return std::equal(answer.begin(), answer.end(), target.begin(), target.end()) ? 1 : 0;
}

/// The share of the target's places at which the answer has the target's token; a place beyond the answer's end is wrong.
double token_accuracy(const TokenSequence auto& answer, const TokenSequence auto& target) {
  expect(!target.empty(), "token_accuracy: the target is empty, so there is no place to be right at.");
  std::size_t right = 0;
  for (std::size_t i = 0; i < std::min(answer.size(), target.size()); ++i) right += answer[i] == target[i];
  return double(right) / double(target.size());
}

/// The fewest insertions, deletions and replacements of a token that turn one sequence into the other, Levenshtein 1966. For
/// answers of the target's length it is at most the number of wrong tokens. A smooth metric, about length (1 - p) with a
/// token's probability p (appendix A.2 of arXiv:2304.15004, whose epsilon is 1 - p, has length (1 - epsilon) instead).
std::size_t edit_distance(const TokenSequence auto& a, const TokenSequence auto& b) { return detail::edits(a, b); }

/// 1 when the right one of several choices has the highest probability, else 0; of ties, when it is the first. NaN is never the
/// highest.
inline double multiple_choice_grade(std::span<const double> probabilities, std::size_t right) {
  expect(right < probabilities.size(), "multiple_choice_grade: choice ", right, " is right, but there are ",
         probabilities.size(), " choices, from 0.");
  const double p = probabilities[right];
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] > p || (probabilities[i] == p && i < right)) return 0;
  }
  return std::isnan(p) ? 0 : 1;
}

/// The Brier score, Brier 1950: the sum of (p_i - [i is right])^2 over the choices. 0 is best, 2 worst.
inline double brier_score(std::span<const double> probabilities, std::size_t right) {
  expect(right < probabilities.size(), "brier_score: choice ", right, " is right, but there are ", probabilities.size(),
         " choices, from 0.");
  double sum = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const double error = probabilities[i] - double(i == right);
    sum += error * error;
  }
  return sum;
}

}  // namespace residual
