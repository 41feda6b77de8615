#pragma once

#include <span>
#include <vector>

#include "exam.hpp"
#include "residual/metrics/sequences.hpp"

/// The metrics of what a language model gave for a test.
class Judge {
 public:
  explicit Judge(const Exam& exam) : exam_(exam) {}

  std::size_t tests() const { return exam_.tests(); }
  /// Digits of an answer.
  Index places() const { return exam_.places(); }

  /// Whether the digit at a place, from 0, is right.
  bool right(const Adder& adder, std::size_t test, Index place) const {
    return adder.answers[test][std::size_t(place)] == exam_.right_answer(test)[std::size_t(place)];
  }
  double token_accuracy(const Adder& adder, std::size_t test) const {
    return residual::token_accuracy(given(adder, test, places()), wanted(test, places()));
  }
  /// Of the answer's first `length` digits.
  double exact_match(const Adder& adder, std::size_t test, Index length) const {
    return residual::exact_match(given(adder, test, length), wanted(test, length));
  }
  /// Of the answer's first `length` digits.
  double edit_distance(const Adder& adder, std::size_t test, Index length) const {
    return double(residual::edit_distance(given(adder, test, length), wanted(test, length)));
  }
  static double loss(const Adder& adder, std::size_t test) { return adder.losses[test]; }
  static double grade(const Adder& adder, std::size_t test) {
    return residual::multiple_choice_grade(adder.choices[test], 0);
  }
  static double brier(const Adder& adder, std::size_t test) { return residual::brier_score(adder.choices[test], 0); }

 private:
  static std::span<const int> given(const Adder& adder, std::size_t test, Index length) {
    return std::span(adder.answers[test]).first(std::size_t(length));
  }
  std::span<const int> wanted(std::size_t test, Index length) const {
    return std::span(exam_.right_answer(test)).first(std::size_t(length));
  }

  const Exam& exam_;
};
