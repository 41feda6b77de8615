#pragma once

#include <array>
#include <vector>

#include "../support/passes.hpp"
#include "documents.hpp"

/// To tell which document some characters are from: a model reads them and a new line, and is to go on with the letter of
/// the document, A for the longest one. Nothing but the letter counts in the loss.
class Task {
 public:
  /// A sequence and its letter.
  struct Example {
    std::vector<int> tokens;
    int letter;
  };

  /// Of so many documents. Throws when the texts lack the new line or one of the letters.
  Task(const Documents& documents, Index classes, Index length) : documents_(documents), length_(length) {
    new_line_ = number_of('\n');
    for (Index i = 0; i < classes; ++i) letters_.push_back(number_of(char('A' + i)));
  }

  /// Sequences at random places, `count` of each document.
  std::vector<Example> training(Index count, residual::Random& random) const {
    return examples([&](const Text& text) { return text.training(count, length_, [&] { return random.uniform(); }); });
  }
  /// Held-out sequences, `count` of each document.
  std::vector<Example> held_out(Index count) const {
    return examples([&](const Text& text) { return text.held_out(count, length_); });
  }

  /// These examples as a model reads them.
  static Windows windows(const std::vector<Example>& examples) {
    Windows w;
    std::vector<Index> lengths;
    for (const Example& example : examples) {
      lengths.push_back(Index(example.tokens.size()));
      w.tokens.insert(w.tokens.end(), example.tokens.begin(), example.tokens.end());
      w.targets.insert(w.targets.end(), example.tokens.size() - 1, residual::CrossEntropy().ignore_index);
      w.targets.push_back(example.letter);
    }
    w.batch = residual::Batch::of(lengths);
    return w;
  }
  /// Some of them, drawn with repetition.
  static Windows some_of(const std::vector<Example>& examples, Index count, residual::Random& random) {
    std::vector<Example> drawn;
    for (Index i = 0; i < count; ++i)
      drawn.push_back(examples[std::size_t(random.uniform() * double(examples.size()))]);
    return windows(drawn);
  }

  /// The share of examples for which the model gives the right one of the letters the highest probability.
  template <class M>
  double accuracy(Passes<M>& passes, const residual::Parameters<M>& theta, const std::vector<Example>& examples) const {
    const Windows w = windows(examples);
    const auto logits = passes.logits(theta, {.batch = w.batch, .tokens = w.tokens});
    std::size_t right = 0;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const auto z = logits.row(w.batch.begin(Index(i) + 1) - 1);
      right += examples[i].letter ==
               *std::max_element(letters_.begin(), letters_.end(), [&](int a, int b) { return z[a] < z[b]; });
    }
    return double(right) / double(examples.size());
  }

 private:
  int number_of(char c) const { return documents_.texts().back().numbers({c})[0]; }

  template <class Draw>
  std::vector<Example> examples(Draw&& draw) const {
    std::vector<Example> examples;
    for (std::size_t i = 0; i < letters_.size(); ++i) {
      const Windows w = draw(documents_.texts()[i]);
      for (Index s = 0; s < w.batch.sequences(); ++s) {
        const auto begin = w.tokens.begin() + w.batch.begin(s);
        examples.push_back({{begin, begin + length_}, letters_[i]});
        examples.back().tokens.push_back(new_line_);
      }
    }
    return examples;
  }

  const Documents& documents_;
  Index length_;
  int new_line_ = 0;
  std::vector<int> letters_;
};
