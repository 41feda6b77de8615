#pragma once

#include <filesystem>
#include <memory>

#include "cell.hpp"

namespace study {

/// The sentence pairs of E4, read once for all cells.
class SentencePairs {
 public:
  /// Reads the folder that examples/translation/data/fetch.py makes and learns pieces of words from its training text.
  /// Throws when a file is missing.
  explicit SentencePairs(const std::filesystem::path& folder);
  ~SentencePairs();

  /// E4: trains a translation model; its held-out losses, sentence by sentence, and the BLEU of a part of the test text.
  Json translates(const Cell& cell) const;

 private:
  struct Data;
  std::unique_ptr<const Data> data_;
};

}  // namespace study
