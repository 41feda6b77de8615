#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "options.hpp"
#include "residual/core/batch.hpp"
#include "residual/train/random.hpp"

/// A rank's sequences of one step, and for each character the one that follows it.
struct Share {
  residual::Batch batch;
  std::vector<int> tokens, targets;
  Index all_tokens;  ///< of all ranks together
};

/// The whole text of a file; throws when it cannot be read.
inline std::string read_text(const std::string& path) {
  residual::expect(!std::filesystem::is_directory(path), "The text ", path, " is a folder; give a file.");
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  residual::expect(bool(file), "The text ", path, " cannot be read; give a file that exists.");
  return text;
}

/// Draws the sequences of a step, the same on every rank, and deals them out: rank r takes r, r + ranks, r + 2 ranks, ...
/// Throws when the text is too short for one.
inline Share deal(const std::string& text, const Options& options, Index step, const Ranks& ranks) {
  const Index places = Index(text.size()) - options.length;
  residual::expect(places > 0, "The text has ", text.size(), " characters, but sequences of ", options.length,
                   " need more; give a longer text or a smaller --length.");
  residual::Random random(options.seed, ~std::uint64_t(step));  // initialise draws from the first streams
  Share share{{}, {}, {}, 0};
  std::vector<Index> lengths;
  for (Index i = 0; i < options.batch; ++i) {
    const Index length = options.length - Index(random.uniform() * double(options.length / 2));
    const auto begin = text.begin() + Index(random.uniform() * double(places));
    share.all_tokens += length;
    if (i % ranks.count() != ranks.own()) continue;
    lengths.push_back(length);
    for (auto c = begin; c != begin + length; ++c) {
      share.tokens.push_back(static_cast<unsigned char>(c[0]));
      share.targets.push_back(static_cast<unsigned char>(c[1]));
    }
  }
  share.batch = residual::Batch::of(lengths);
  return share;
}
