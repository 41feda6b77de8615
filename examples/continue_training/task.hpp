#pragma once

#include <array>
#include <vector>

#include "../support/passes.hpp"
#include "documents.hpp"

/// To tell which document some characters are from: a model reads them and a word that asks, and is to go on with the word
/// of the document. These words are new, numbered behind the characters; nothing but the answer counts in the loss.
class Task {
 public:
  /// A sequence and its answer.
  struct Example {
    std::vector<int> tokens;
    int answer;
  };

  /// Of so many documents, the longest ones.
  Task(const Documents& documents, Index classes, Index length)
      : documents_(documents), classes_(classes), length_(length) {}
  /// How many words a model of the documents' characters lacks.
  Index new_words() const { return classes_ + 1; }

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
      w.targets.push_back(example.answer);
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

  /// The share of examples for which the model gives the right one of the answers the highest probability.
  template <class M>
  double accuracy(Passes<M>& passes, const residual::Parameters<M>& theta, const std::vector<Example>& examples) const {
    const Windows w = windows(examples);
    const auto logits = passes.logits(theta, {.batch = w.batch, .tokens = w.tokens});
    std::size_t right = 0;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      Index best = 0;
      logits.row(w.batch.begin(Index(i) + 1) - 1).segment(answer(0), classes_).maxCoeff(&best);
      right += examples[i].answer == answer(best);
    }
    return double(right) / double(examples.size());
  }

 private:
  int asking() const { return int(documents_.alphabet()); }
  int answer(Index document) const { return asking() + 1 + int(document); }

  template <class Draw>
  std::vector<Example> examples(Draw&& draw) const {
    std::vector<Example> examples;
    for (Index i = 0; i < classes_; ++i) {
      const Windows w = draw(documents_.texts()[std::size_t(i)]);
      for (Index s = 0; s < w.batch.sequences(); ++s) {
        const auto begin = w.tokens.begin() + w.batch.begin(s);
        examples.push_back({{begin, begin + length_}, answer(i)});
        examples.back().tokens.push_back(asking());
      }
    }
    return examples;
  }

  const Documents& documents_;
  Index classes_, length_;
};
