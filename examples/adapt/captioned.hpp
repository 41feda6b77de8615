#pragma once

#include <string>
#include <vector>

#include "../support/passes.hpp"
#include "joint_methods.hpp"

/// What follows a picture: a new line, the characters of a word and a new line, by their numbers in a text. The first is read
/// and never said, so that what names the picture is text.
using Words = std::vector<std::vector<int>>;

/// The words of a source of pictures. Throws when the text lacks one of their characters.
inline Words words_of(const PictureSource& source, const Text& text) {
  Words words;
  for (const std::string& word : source.words) words.push_back(text.numbers('\n' + word + '\n'));
  return words;
}

/// Pictures, each followed by a word, as a model reads them and is to go on.
class Captioned {
 public:
  /// word(i) says which word follows picture i.
  template <class Word>
  Captioned(const Patches& patches, const Words& words, Word&& word) : patches_(patches) {
    std::vector<Index> lengths;
    for (std::size_t i = 0; i < patches.words.size(); ++i) {
      const std::vector<int>& characters = words[std::size_t(word(i))];
      lengths.push_back(Patches::each + Index(characters.size()) - 1);
      tokens_.insert(tokens_.end(), characters.begin(), characters.end() - 1);
      targets_.insert(targets_.end(), Patches::each, residual::CrossEntropy().ignore_index);
      targets_.insert(targets_.end(), characters.begin() + 1, characters.end());
    }
    batch_ = residual::Batch::of(lengths);
  }
  Reader::Input input() const { return {batch_, Patches::each, patches_.rows, tokens_}; }
  const std::vector<int>& targets() const { return targets_; }
  const residual::Batch& batch() const { return batch_; }

 private:
  const Patches& patches_;
  residual::Batch batch_;
  std::vector<int> tokens_, targets_;
};

/// How many pictures the model gives the right word the highest probability for.
inline Index named_right(Passes<Reader>& passes, const residual::Parameters<Reader>& theta, const Patches& pictures,
                         const Words& words) {
  std::vector<int> best(pictures.words.size(), -1);
  std::vector<double> least(pictures.words.size());
  for (int word = 0; word < int(words.size()); ++word) {
    const Captioned captioned(pictures, words, [&](std::size_t) { return word; });
    const auto logits = passes.logits(theta, captioned.input());
    for (std::size_t i = 0; i < best.size(); ++i) {
      double loss = 0;
      for (Index row = captioned.batch().begin(Index(i)) + Patches::each; row < captioned.batch().begin(Index(i) + 1);
           ++row) {
        loss += residual::cross_entropy(logits.rows_from(row, 1), {&captioned.targets()[std::size_t(row)], 1});
      }
      if (best[i] >= 0 && loss >= least[i]) continue;
      best[i] = word, least[i] = loss;
    }
  }
  Index right = 0;
  for (std::size_t i = 0; i < best.size(); ++i) right += best[i] == pictures.words[i];
  return right;
}
