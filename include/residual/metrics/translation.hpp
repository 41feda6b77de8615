#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "residual/core/check.hpp"

namespace residual {

namespace detail {

/// How many bytes of UTF-8 the white space has that stands at a place of a text, as Python's str.isspace knows it; 0: there
/// is none.
inline std::size_t white_space(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(at), second = byte(at + 1), third = byte(at + 2);
  if ((first >= 0x09 && first <= 0x0D) || (first >= 0x1C && first <= 0x20)) return 1;
  if (first == 0xC2) return second == 0x85 || second == 0xA0 ? 2 : 0;
  if (first >> 4 != 0xE || second >> 6 != 2 || third >> 6 != 2) return 0;
  const unsigned code = (first & 0x0F) << 12 | (second & 0x3F) << 6 | (third & 0x3F);
  const bool space = code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 ||
                     code == 0x202F || code == 0x205F || code == 0x3000;
  return space ? 3 : 0;
}
/// A line without the white space at its end.
inline std::string_view without_end(std::string_view line) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t space = white_space(line, at);
    at += std::max<std::size_t>(space, 1);
    if (space == 0) end = at;
  }
  return line.substr(0, end);
}
/// A text with `to` wherever it had `from`.
inline std::string replaced(const std::string& text, std::string_view from, std::string_view to) {
  std::string result;
  std::size_t begin = 0;
  for (std::size_t at; (at = text.find(from, begin)) != std::string::npos; begin = at + from.size()) {
    result.append(text, begin, at - begin).append(to);
  }
  return result.append(text, begin);
}
/// A text with write(a, b) wherever it had the neighbours a and b for which matches(a, b); as with a regular expression,
/// no character is in two pairs.
template <class Matches, class Write>
std::string replaced_pairs(const std::string& text, Matches&& matches, Write&& write) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && matches(text[i], text[i + 1])) {
      result += write(text[i], text[i + 1]);
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace detail

/// The words and signs of a line, as NIST's mteval-v13a splits them: what BLEU scores are compared in. As in sacreBLEU, white
/// space is that of Unicode, and that at the line's end is left out first.
inline std::vector<std::string> tokens_13a(std::string_view line) {
  using Text = std::string;
  Text text(detail::without_end(line));
  constexpr std::pair<const char*, const char*> written[] = {
      {"<skipped>", ""}, {"-\n", ""}, {"\n", " "}, {"&quot;", "\""}, {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}};
  for (const auto& [from, to] : written) text = detail::replaced(text, from, to);
  Text apart = " ";
  for (const char c : text) {
    const bool stands_alone = (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
                              (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
    apart += stands_alone ? Text{' ', c, ' '} : Text{c};
  }
  apart += ' ';
  // A point or comma belongs to a number only between two digits; a hyphen stands alone behind a digit.
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto point = [](char c) { return c == '.' || c == ','; };
  const auto second_apart = [](char a, char b) { return Text{a, ' ', b, ' '}; };
  const auto first_apart = [](char a, char b) { return Text{' ', a, ' ', b}; };
  apart = detail::replaced_pairs(
      apart, [&](char a, char b) { return !digit(a) && point(b); }, second_apart);
  apart = detail::replaced_pairs(
      apart, [&](char a, char b) { return point(a) && !digit(b); }, first_apart);
  apart = detail::replaced_pairs(
      apart, [&](char a, char b) { return digit(a) && b == '-'; }, second_apart);
  std::vector<Text> tokens;
  bool within = false;
  for (std::size_t at = 0; at < apart.size();) {
    const std::size_t space = detail::white_space(apart, at);
    if (space == 0) {
      if (!within) tokens.emplace_back();
      tokens.back() += apart[at];
    }
    within = space == 0;
    at += std::max<std::size_t>(space, 1);
  }
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
  for (std::size_t at = 0; at < line.size();) {
    if (const std::size_t space = white_space(line, at); space > 0) {
      at += space;
      continue;
    }
    const char c = line[at++];
    const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (continues && !all.empty()) {
      all.back() += c;
    } else {
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
/// space, precision P and recall R averaged over the lengths that occur, beta 2. Of a line whose reference is shorter than
/// a length, the answer's runs of that length do not count. Throws when an option does not fit.
///
///     chrF = 100 (1 + beta^2) P R / (beta^2 P + R)
inline double chrf(std::span<const std::string> answers, std::span<const std::string> references,
                   std::size_t longest = 6, double beta = 2) {
  detail::expect_pairs("chrf", answers.size(), references.size());
  expect(longest > 0, "chrf: the longest runs have 0 characters, but they must have 1 or more, for example 6.");
  expect(beta >= 0 && std::isfinite(100 * beta * beta), "chrf: beta is ", beta,
         ", but it must be 0 or more with a finite square, for example 2.");
  std::vector<std::size_t> matches(longest), in_answers(longest), in_references(longest);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto answer = detail::characters(answers[i]), reference = detail::characters(references[i]);
    for (std::size_t order = 1; order <= longest; ++order) {
      matches[order - 1] += detail::common_ngrams(answer, reference, order);
      if (reference.size() >= order) in_answers[order - 1] += detail::ngram_count(answer.size(), order);
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
