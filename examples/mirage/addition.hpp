#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "../support/text.hpp"
#include "residual/train/loss.hpp"
#include "residual/train/random.hpp"

/// Additions of two numbers with so many digits each, one token a digit. Answers begin with the lowest digit, since a model that
/// writes the highest first must know all carries before it has written anything: 1234+5678= and then 21960.
struct Addition {
  static constexpr Index vocabulary = 12;  ///< ten digits, + and =
  static constexpr int plus = 10, equals = 11;
  Index digits;

  /// A prompt and an answer to it.
  struct Problem {
    std::vector<int> prompt, answer;
  };
  /// The right answer, and behind it one that is wrong in the first digit alone, one that is in the second, ...
  using Choices = std::vector<Problem>;

  Index prompt_length() const { return 2 * digits + 2; }
  Index answer_length() const { return digits + 1; }
  /// What a model reads of a prompt and its answer: all but the last token.
  Index length() const { return prompt_length() + answer_length() - 1; }

  /// A problem to train on.
  Problem training(residual::Random& random) const { return draw(random, false); }
  /// A problem to test on: one in 97 of all, none of which is trained on.
  Choices test(residual::Random& random) const {
    Choices choices(std::size_t(answer_length()) + 1, draw(random, true));
    for (std::size_t i = 1; i < choices.size(); ++i) {
      int& digit = choices[i].answer[i - 1];
      digit = (digit + 1 + int(9 * random.uniform())) % 10;
    }
    return choices;
  }

  /// Problems as a model is trained on them: the tokens of the answers are the targets.
  Windows windows(std::span<const Problem> problems) const {
    Windows w{residual::Batch::of(std::vector<Index>(problems.size(), length())), {}, {}};
    for (const auto& [prompt, answer] : problems) {
      w.tokens.insert(w.tokens.end(), prompt.begin(), prompt.end());
      w.tokens.insert(w.tokens.end(), answer.begin(), answer.end() - 1);
      w.targets.insert(w.targets.end(), prompt.size() - 1, residual::CrossEntropy().ignore_index);
      w.targets.insert(w.targets.end(), answer.begin(), answer.end());
    }
    return w;
  }

 private:
  Problem draw(residual::Random& random, bool held_out) const {
    Index count = 1;
    for (Index i = 0; i < digits; ++i) count *= 10;
    for (;;) {
      const Index a = Index(random.uniform() * double(count)), b = Index(random.uniform() * double(count));
      if (((a + 31 * b) % 97 == 0) != held_out) continue;
      Problem problem;
      problem.prompt = digits_of(a, digits);
      problem.prompt.push_back(plus);
      for (const int digit : digits_of(b, digits)) problem.prompt.push_back(digit);
      problem.prompt.push_back(equals);
      problem.answer = digits_of(a + b, answer_length());
      std::reverse(problem.answer.begin(), problem.answer.end());
      return problem;
    }
  }
  /// The highest first.
  static std::vector<int> digits_of(Index number, Index count) {
    std::vector<int> all(std::size_t(count), 0);
    for (auto digit = all.rbegin(); number > 0; number /= 10) *digit++ = int(number % 10);
    return all;
  }
};
