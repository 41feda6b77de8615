#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../support/text.hpp"
#include "residual/train/random.hpp"

/// Sequences of equal length, those of all parts.
inline Windows joined(const std::vector<Windows>& parts) {
  Windows all;
  std::vector<Index> lengths;
  for (const Windows& part : parts) {
    all.tokens.insert(all.tokens.end(), part.tokens.begin(), part.tokens.end());
    all.targets.insert(all.targets.end(), part.targets.begin(), part.targets.end());
    for (Index i = 0; i < part.batch.sequences(); ++i) lengths.push_back(part.batch.length(i));
  }
  all.batch = residual::Batch::of(lengths);
  return all;
}

/// The documents of a domain, the longest first.
class Documents {
 public:
  /// A file each, whose characters are numbered on from those of a text; files too short for held-out sequences of that
  /// length are left out. Throws when fewer than `least` documents remain.
  Documents(std::vector<std::string> paths, const Text& other, Index length, Index least) {
    const auto size = [](const std::string& path) { return Index(std::filesystem::file_size(path)); };
    std::stable_sort(paths.begin(), paths.end(), [&](auto& a, auto& b) { return size(a) > size(b); });
    for (const std::string& path : paths) {
      if (size(path) < 20 * length) break;
      texts_.emplace_back(std::vector{path}, texts_.empty() ? other : texts_.back());
    }
    residual::expect(Index(texts_.size()) >= least, "The domain has ", texts_.size(), " documents of ", 20 * length,
                     " characters or more, but ", least, " are needed; give more files, or a smaller --length.");
  }

  /// All of them.
  const std::vector<Text>& texts() const { return texts_; }
  /// How many different characters they and the other text have.
  Index alphabet() const { return texts_.back().alphabet(); }

  /// `count` held-out sequences of each document.
  Windows held_out(Index count, Index length) const {
    std::vector<Windows> parts;
    for (const Text& text : texts_) parts.push_back(text.held_out(count, length));
    return joined(parts);
  }

 private:
  std::vector<Text> texts_;
};

/// Takes the documents one by one: all once in random order, then all again.
class Rounds {
 public:
  Rounds(const Documents& documents, residual::Random& random) : documents_(documents), random_(random) {}

  /// One sequence at a random place of each of the next `count` documents.
  Windows next(Index count, Index length) {
    std::vector<Windows> parts;
    for (Index i = 0; i < count; ++i) {
      if (left_.empty()) refill();
      const Text& text = documents_.texts()[left_.back()];
      parts.push_back(text.training(1, length, [&] { return random_.uniform(); }));
      left_.pop_back();
    }
    return joined(parts);
  }

 private:
  void refill() {
    for (std::size_t i = 0; i < documents_.texts().size(); ++i) left_.push_back(i);
    for (std::size_t i = left_.size(); i > 1; --i)
      std::swap(left_[i - 1], left_[std::size_t(random_.uniform() * double(i))]);
  }

  const Documents& documents_;
  residual::Random& random_;
  std::vector<std::size_t> left_;  ///< of this round
};
