#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "residual/core/check.hpp"

namespace residual {

/// The words and signs of a line, as NIST's mteval-v13a splits them: what BLEU scores are compared in.
inline std::vector<std::string> tokens_13a(std::string_view line) {
  std::string text(line);
  const auto replace = [&](std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
      text.replace(at, from.size(), to);
    }
  };
  replace("<skipped>", "");
  replace("-\n", "");
  replace("\n", " ");
  replace("&quot;", "\"");
  replace("&amp;", "&");
  replace("&lt;", "<");
  replace("&gt;", ">");
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto stands_alone = [](char c) {
    return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') ||
           (c >= ':' && c <= '@') || c == '/';
  };
  std::vector<std::string> tokens(1);
  const auto end_token = [&] {
    if (!tokens.back().empty()) tokens.emplace_back();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i], before = i > 0 ? text[i - 1] : ' ', behind = i + 1 < text.size() ? text[i + 1] : ' ';
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    // A point or comma belongs to a number only between two digits; a hyphen stands alone behind a digit.
    const bool sign = stands_alone(c) || ((c == '.' || c == ',') && !(is_digit(before) && is_digit(behind))) ||
                      (c == '-' && is_digit(before));
    if (space || sign) end_token();
    if (space) continue;
    tokens.back() += c;
    if (sign) end_token();
  }
  if (tokens.back().empty()) tokens.pop_back();
  return tokens;
}

namespace detail {

/// How often each run of `order` elements stands in a sequence.
template <class T>
std::map<std::vector<T>, std::size_t> ngrams(const std::vector<T>& sequence, std::size_t order) {
  std::map<std::vector<T>, std::size_t> counts;
  for (std::size_t i = 0; i + order <= sequence.size(); ++i) {
    ++counts[{sequence.begin() + std::ptrdiff_t(i), sequence.begin() + std::ptrdiff_t(i + order)}];
  }
  return counts;
}
/// How many runs two sequences have in common, each counted as often as in the rarer of the two.
template <class T>
std::size_t common_ngrams(const std::vector<T>& a, const std::vector<T>& b, std::size_t order) {
  const auto of_a = ngrams(a, order), of_b = ngrams(b, order);
  std::size_t common = 0;
  for (const auto& [gram, count] : of_a) {
    const auto found = of_b.find(gram);
    if (found != of_b.end()) common += std::min(count, found->second);
  }
  return common;
}
inline std::size_t ngram_count(std::size_t size, std::size_t order) { return size >= order ? size - order + 1 : 0; }

/// The characters of a line, white space left out, each as its bytes of UTF-8.
inline std::vector<std::string> characters(std::string_view line) {
  std::vector<std::string> all;
  for (const char c : line) {
    const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (continues && !all.empty()) {
      all.back() += c;
    } else if (c != ' ' && !(c >= '\t' && c <= '\r')) {
      all.emplace_back(1, c);
    }
  }
  return all;
}

inline void expect_pairs(const char* who, std::size_t answers, std::size_t references) {
  expect(answers == references && answers > 0, who, ": there are ", answers, " translations and ", references,
         " references; give one of each for every sentence, and one sentence or more.");
}

}  // namespace detail

/// BLEU-4 of a corpus, Papineni et al. 2002, in percent, as sacreBLEU computes it by default: 13a tokens, and precisions
/// without a match smoothed by halves.
///
///     BLEU = 100 min(1, e^(1 - r / c)) (p_1 p_2 p_3 p_4)^(1/4)
inline double bleu(std::span<const std::string> answers, std::span<const std::string> references) {
  detail::expect_pairs("bleu", answers.size(), references.size());
  std::array<std::size_t, 4> matches{}, totals{};
  std::size_t answer_length = 0, reference_length = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto answer = tokens_13a(answers[i]), reference = tokens_13a(references[i]);
    answer_length += answer.size();
    reference_length += reference.size();
    for (std::size_t order = 1; order <= 4; ++order) {
      matches[order - 1] += detail::common_ngrams(answer, reference, order);
      totals[order - 1] += detail::ngram_count(answer.size(), order);
    }
  }
  double logs = 0, smoothing = 1;
  for (std::size_t k = 0; k < 4; ++k) {
    if (totals[k] == 0 || matches[0] == 0) return 0;
    if (matches[k] == 0) smoothing *= 2;
    logs += std::log((matches[k] == 0 ? 1 / smoothing : double(matches[k])) / double(totals[k]));
  }
  const double shortness = 1 - double(reference_length) / double(answer_length);
  return 100 * std::exp(logs / 4 + std::min(0.0, shortness));
}

/// chrF of a corpus, Popovic 2015, in percent, as sacreBLEU computes it by default: runs of 1 to 6 characters without white
/// space, precision P and recall R averaged over the lengths that occur, beta 2.
///
///     chrF = 100 (1 + beta^2) P R / (beta^2 P + R)
inline double chrf(std::span<const std::string> answers, std::span<const std::string> references,
                   std::size_t longest = 6, double beta = 2) {
  detail::expect_pairs("chrf", answers.size(), references.size());
  std::vector<std::size_t> matches(longest), in_answers(longest), in_references(longest);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto answer = detail::characters(answers[i]), reference = detail::characters(references[i]);
    for (std::size_t order = 1; order <= longest; ++order) {
      matches[order - 1] += detail::common_ngrams(answer, reference, order);
      in_answers[order - 1] += detail::ngram_count(answer.size(), order);
      in_references[order - 1] += detail::ngram_count(reference.size(), order);
    }
  }
  double precision = 0, recall = 0, orders = 0;
  for (std::size_t k = 0; k < longest; ++k) {
    if (in_answers[k] == 0 || in_references[k] == 0) continue;
    precision += double(matches[k]) / double(in_answers[k]);
    recall += double(matches[k]) / double(in_references[k]);
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= orders, recall /= orders;
  return 100 * (1 + beta * beta) * precision * recall / (beta * beta * precision + recall);
}

}  // namespace residual
