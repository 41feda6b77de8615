#pragma once

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <cstddef>
#include <string>
#include <vector>

#include "residual/core/check.hpp"

/// The lines of a text, one after another, as sentencepiece's trainer reads them.
class Lines final : public sentencepiece::SentenceIterator {
 public:
  explicit Lines(const std::vector<std::string>& lines) : lines_(lines) {}
  bool done() const override { return next_ == lines_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return lines_[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& lines_;
  std::size_t next_ = 0;
};

/// Sentences as pieces of words: byte pair encoding, Sennrich et al. 2016 (arXiv:1508.07909), by sentencepiece. Text comes
/// back as it was, but for repeated spaces.
class Pieces {
 public:
  /// Learns at most `count` pieces from the lines; the bytes are those of a file of sentencepiece. Throws when it cannot.
  static std::string learn(const std::vector<std::string>& lines, residual::Index count) {
    Lines iterator(lines);
    std::string bytes;
    const auto status = sentencepiece::SentencePieceTrainer::Train({{"model_type", "bpe"},
                                                                    {"vocab_size", std::to_string(count)},
                                                                    {"hard_vocab_limit", "false"},
                                                                    {"character_coverage", "1"},
                                                                    {"normalization_rule_name", "identity"},
                                                                    {"minloglevel", "2"}},
                                                                   &iterator, &bytes);
    residual::expect(status.ok(), "sentencepiece learned no pieces: ", status.ToString(), ".");
    return bytes;
  }
  /// The pieces in such bytes; throws when they are others.
  explicit Pieces(const std::string& bytes) {
    const auto status = processor_.LoadFromSerializedProto(bytes);
    residual::expect(status.ok(), "The pieces of words are none of sentencepiece's: ", status.ToString(), ".");
  }

  residual::Index size() const { return processor_.GetPieceSize(); }
  int begin() const { return processor_.bos_id(); }  ///< the token in front of a translation
  int end() const { return processor_.eos_id(); }    ///< the token behind a sentence

  /// The pieces of a sentence and the token behind it.
  std::vector<int> encode(const std::string& sentence) const {
    std::vector<int> pieces;
    const auto status = processor_.Encode(sentence, &pieces);
    residual::expect(status.ok(), "sentencepiece cannot split a sentence: ", status.ToString(), ".");
    pieces.push_back(end());
    return pieces;
  }
  /// The sentence of such pieces, with or without the token behind it.
  std::string decode(const std::vector<int>& pieces) const {
    std::string sentence;
    const auto status = processor_.Decode(pieces, &sentence);
    residual::expect(status.ok(), "sentencepiece cannot join pieces: ", status.ToString(), ".");
    return sentence;
  }

 private:
  sentencepiece::SentencePieceProcessor processor_;
};
