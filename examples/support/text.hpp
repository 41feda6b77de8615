#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "residual/core/batch.hpp"
#include "residual/core/fnv1a.hpp"

using residual::Index;

/// Sequences of characters, and for each character the one that follows it.
struct Windows {
  residual::Batch batch;
  std::vector<int> tokens, targets;
};

/// A text by characters (bytes), numbered from 0: the first nine tenths of every file to train on, the last to test.
class Text {
 public:
  /// Throws when a file cannot be read.
  explicit Text(const std::vector<std::string>& paths) { read(paths); }
  /// One whose characters have the numbers that they have in `other`, and further ones the numbers behind these.
  Text(const std::vector<std::string>& paths, const Text& other)
      : numbers_(other.numbers_), counts_(other.counts_.size(), 0) {
    read(paths);
  }

  /// FNV-1a of all characters, in their order.
  std::uint64_t hash() const {
    residual::Fnv1a fnv;
    for (const auto* part : {&training_, &held_out_}) {
      for (const int c : *part) fnv.add(std::uint64_t(c));
    }
    return fnv.hash;
  }
  Index characters() const { return Index(training_.size() + held_out_.size()); }
  Index alphabet() const { return Index(counts_.size()); }
  /// The numbers of these characters. Throws when one of them is not in the text.
  std::vector<int> numbers(const std::string& characters) const {
    std::vector<int> numbers;
    for (const char c : characters) {
      numbers.push_back(numbers_[static_cast<unsigned char>(c)]);
      residual::expect(numbers.back() >= 0, "The text lacks the character '", c, "' (code ", int(c),
                       "), which is needed; give a text that has it.");
    }
    return numbers;
  }

  /// -sum_c p(c) log p(c), in nats: the loss of who knows nothing but how frequent each character is.
  double unigram_entropy() const {
    double entropy = 0;
    for (const Index count : counts_) {
      if (count == 0) continue;
      const double p = double(count) / double(characters());
      entropy -= p * std::log(p);
    }
    return entropy;
  }

  /// Windows of the training text at the places next(), which lie in [0, 1).
  template <class Next>
  Windows training(Index count, Index length, Next&& next) const {
    return windows(training_, count, length, [&](Index) { return next(); });
  }
  /// Windows of the held-out text, evenly spaced.
  Windows held_out(Index count, Index length) const {
    return windows(held_out_, count, length, [&](Index i) { return double(i) / double(count); });
  }

 private:
  void read(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      std::ifstream file(path, std::ios::binary);
      const std::string content(std::istreambuf_iterator<char>(file), {});
      residual::expect(bool(file), "The text ", path, " cannot be read; give a file that exists.");
      const auto split = content.size() * 9 / 10;
      append(content.substr(0, split), training_);
      append(content.substr(split), held_out_);
    }
  }
  void append(const std::string& content, std::vector<int>& part) {
    for (const char c : content) {
      int& number = numbers_[static_cast<unsigned char>(c)];
      if (number < 0) {
        number = int(counts_.size());
        counts_.push_back(0);
      }
      ++counts_[std::size_t(number)];
      part.push_back(number);
    }
  }

  template <class Place>
  static Windows windows(const std::vector<int>& text, Index count, Index length, Place&& place) {
    const Index places = Index(text.size()) - length;
    residual::expect(places > 0, "The text has parts of ", text.size(), " characters, but sequences of ", length,
                     " need more; give a longer text or a smaller --length.");
    Windows result{residual::Batch::of(std::vector<Index>(std::size_t(count), length)), {}, {}};
    for (Index i = 0; i < count; ++i) {
      const auto begin = text.begin() + Index(place(i) * double(places));
      result.tokens.insert(result.tokens.end(), begin, begin + length);
      result.targets.insert(result.targets.end(), begin + 1, begin + length + 1);
    }
    return result;
  }

  static constexpr auto unseen = [] {
    std::array<int, 256> numbers{};
    numbers.fill(-1);
    return numbers;
  }();
  std::array<int, 256> numbers_ = unseen;
  std::vector<Index> counts_;
  std::vector<int> training_, held_out_;
};

/// The files below a folder that end so, in order. Throws, with what to give `instead`, when there is no such folder.
inline std::vector<std::string> files_below(const std::filesystem::path& folder, const std::string& extension,
                                            const std::string& instead) {
  std::vector<std::string> paths;
  residual::expect(std::filesystem::is_directory(folder), "The library's own texts are not in ", folder,
                   " any more; name texts with ", instead, ".");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == extension) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// The README and the headers below `source`, the library's folder.
inline std::vector<std::string> own_text(const std::filesystem::path& source) {
  std::vector<std::string> paths = files_below(source / "include", ".hpp", "--text");
  if (std::filesystem::exists(source / "README.md")) paths.push_back((source / "README.md").string());
  std::sort(paths.begin(), paths.end());
  return paths;
}
