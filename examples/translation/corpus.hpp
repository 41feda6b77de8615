#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "pieces.hpp"
#include "residual/core/check.hpp"
#include "residual/core/fnv1a.hpp"

using residual::Index;

/// The lines of a file; throws when it cannot be read.
inline std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::ifstream file(path);
  residual::expect(file && !std::filesystem::is_directory(path), "The text ", path,
                   " cannot be read; examples/translation/data/fetch.py makes the folder that --data names.");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  residual::expect(!file.bad(), "The text ", path, " cannot be read to its end.");
  return lines;
}

/// The sentences of one part of the data, "train" or "valid", in both languages: line i of NAME.SOURCE and of NAME.TARGET.
struct Bitext {
  std::vector<std::string> source, target;

  Bitext() = default;
  /// Throws when a file is missing, or one has more lines than the other.
  Bitext(const std::filesystem::path& folder, const std::string& name, const std::string& from, const std::string& to)
      : source(read_lines(folder / (name + '.' + from))), target(read_lines(folder / (name + '.' + to))) {
    residual::expect(source.size() == target.size(), folder / name, " has ", source.size(), " lines in ", from, " and ",
                     target.size(), " in ", to, "; give one translation a line.");
  }
};

/// A sentence and its translation, each with the token behind it.
struct Pair {
  std::vector<int> source, target;
};

/// Pairs in pieces.
struct Corpus {
  std::vector<Pair> pairs;
  Index empty = 0;     ///< pairs that were left out, since a side says nothing
  Index too_long = 0;  ///< or has more pieces than are allowed

  /// Those of a text in which no side is longer than `longest`. Throws when none is left.
  Corpus(const Bitext& text, const Pieces& pieces, Index longest) {
    for (std::size_t i = 0; i < text.source.size(); ++i) {
      Pair pair{pieces.encode(text.source[i]), pieces.encode(text.target[i])};
      if (pair.source.size() == 1 || pair.target.size() == 1) {
        ++empty;
      } else if (Index(pair.source.size()) > longest || Index(pair.target.size()) > longest) {
        ++too_long;
      } else {
        pairs.push_back(std::move(pair));
      }
    }
    residual::expect(!pairs.empty(), "Of ", text.source.size(), " pairs of sentences ", empty, " are empty and ",
                     too_long, " longer than ", longest, " pieces, so none is left; give other text or --longest.");
  }

  /// Pieces of all targets: what a loss counts.
  Index targets() const {
    Index count = 0;
    for (const Pair& pair : pairs) count += Index(pair.target.size());
    return count;
  }
  /// FNV-1a of all pieces, in their order.
  std::uint64_t hash() const {
    residual::Fnv1a fnv;
    for (const Pair& pair : pairs) {
      for (const auto* side : {&pair.source, &pair.target}) {
        for (const int piece : *side) fnv.add(std::uint64_t(piece));
      }
    }
    return fnv.hash;
  }
};
