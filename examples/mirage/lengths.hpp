#pragma once

#include <cmath>
#include <vector>

#include "curves.hpp"
#include "judge.hpp"

/// Language models of one size on their answers' first `length` digits. Predictions are means over the seeds.
struct Length {
  Index size, length;
  Share exact;             ///< answers that are right
  double edits;            ///< mean edit distance
  double power = 0;        ///< p^length, p the share of right digits at all places
  double exponential = 0;  ///< e^(-length loss), which is p^length for digits that are drawn, not the most likely
  double product = 0;      ///< p_1 p_2 ... p_length, p_l the share of right digits at place l
  double line = 0;         ///< length (1 - p)
};

/// Adds what the accuracy and loss a digit of one of `seeds` models say to the rows of lengths 1, 2, ...
inline void predict(const Adder& adder, const Judge& judge, std::size_t seeds, Length* rows) {
  const Models<Adder> one{&adder};
  const double p =
      mean_of(one, judge.tests(), [&](const Adder& a, std::size_t test) { return judge.token_accuracy(a, test); });
  const double loss = mean_of(one, judge.tests(), Judge::loss), weight = 1 / double(seeds);
  double product = 1;
  for (Index place = 0; place < judge.places(); ++place) {
    const double length = double(place + 1);
    product *= share_of(one, judge.tests(), [&](const Adder& a, std::size_t test) {
                 return judge.right(a, test, place);
               }).value;
    rows[place].power += weight * std::pow(p, length);
    rows[place].exponential += weight * std::exp(-length * loss);
    rows[place].product += weight * product;
    rows[place].line += weight * length * (1 - p);
  }
}

/// A row for each size and length.
inline std::vector<Length> lengths_of(const BySize<Adder>& sizes, const Judge& judge) {
  std::vector<Length> rows;
  for (const auto& [size, adders] : sizes) {
    for (Index length = 1; length <= judge.places(); ++length) {
      const auto exact = [&](const Adder& a, std::size_t test) { return judge.exact_match(a, test, length); };
      const auto edits = [&](const Adder& a, std::size_t test) { return judge.edit_distance(a, test, length); };
      rows.push_back({size, length, share_of(adders, judge.tests(), exact), mean_of(adders, judge.tests(), edits)});
    }
    for (const Adder* adder : adders)
      predict(*adder, judge, adders.size(), &rows[rows.size() - std::size_t(judge.places())]);
  }
  return rows;
}
