#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "addition.hpp"
#include "options.hpp"
#include "residual/decode/decoding.hpp"
#include "residual/decode/generate.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/model/tape.hpp"

/// What a language model of one size and seed gave for every test.
struct Adder {
  Index size;  ///< how many parameters it has
  std::uint64_t seed;
  std::vector<std::vector<int>> answers = {};     ///< the most likely digit each time
  std::vector<double> losses = {};                ///< of the right answers, nats a digit
  std::vector<std::vector<double>> choices = {};  ///< the probability of each choice, made to sum up to 1
};

/// The tests, the same for all language models.
class Exam {
 public:
  explicit Exam(const Options& options) : task_{options.digits} {
    residual::Random random(0, 0);
    for (Index i = 0; i < options.tests; ++i) tests_.push_back(task_.test(random));
  }

  std::size_t tests() const { return tests_.size(); }
  /// Digits of an answer.
  Index places() const { return task_.answer_length(); }
  const std::vector<int>& right_answer(std::size_t test) const { return tests_[test][0].answer; }

  /// What the model gives.
  template <class M>
  Adder sit(const M& model, const residual::Parameters<M>& theta, std::uint64_t seed,
            const residual::Threads& pool) const {
    constexpr std::size_t portion = 200;
    Adder adder{theta.size(), seed};
    residual::Decoding decoding(model, theta, {.sequences = portion, .longest = task_.length()}, pool);
    residual::Tape tape(model, residual::Keep::nothing, pool);
    for (std::size_t begin = 0; begin < tests(); begin += portion) {
      const auto some = std::span(tests_).subspan(begin, std::min(portion, tests() - begin));
      answer(some, decoding, adder);
      choose(some, model, theta, tape, adder);
    }
    return adder;
  }

 private:
  using Tests = std::span<const Addition::Choices>;

  template <class D>
  void answer(Tests tests, D& decoding, Adder& adder) const {
    std::vector<std::vector<int>> prompts;
    for (const auto& choices : tests) prompts.push_back(choices[0].prompt);
    decoding.start(Index(tests.size()));
    for (auto& own : residual::greedy(decoding, prompts, {.tokens = places()})) adder.answers.push_back(std::move(own));
  }

  template <class M>
  void choose(Tests tests, const M& model, const residual::Parameters<M>& theta, residual::Tape<M>& tape,
              Adder& adder) const {
    std::vector<Addition::Problem> all;
    for (const auto& choices : tests) all.insert(all.end(), choices.begin(), choices.end());
    const Windows w = task_.windows(all);
    const auto logits = residual::forward(model, theta, tape, w.batch, w.tokens);
    Index row = 0;
    for (const auto& choices : tests) {
      std::vector<double> losses;
      for (std::size_t i = 0; i < choices.size(); ++i, row += task_.length()) {
        const std::span<const int> targets(w.targets.data() + row, std::size_t(task_.length()));
        losses.push_back(residual::cross_entropy(logits.rows_from(row, task_.length()), targets));
      }
      adder.losses.push_back(losses[0]);
      adder.choices.push_back(probabilities(losses));
    }
  }

  /// Of answers with these losses a digit.
  std::vector<double> probabilities(const std::vector<double>& losses) const {
    const double least = *std::min_element(losses.begin(), losses.end());
    std::vector<double> p;
    double sum = 0;
    for (const double loss : losses) sum += p.emplace_back(std::exp(double(places()) * (least - loss)));
    for (double& own : p) own /= sum;
    return p;
  }

  Addition task_;
  std::vector<Addition::Choices> tests_;
};
