#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "residual/core/check.hpp"

namespace residual {

/// Sequences of any lengths packed one after another, without padding: sequence i is the rows
/// begin(i) .. begin(i) + length(i) of every matrix of tokens. Immutable; copies share it and cost nothing.
class Batch {
 public:
  /// No sequences.
  Batch() : Batch(none()) {}

  /// One sequence a length; a length may be 0. Throws when one is negative.
  static Batch of(std::span<const Index> lengths) {
    auto data = std::make_shared<Data>();
    for (const Index length : lengths) {
      expect(length >= 0, "Batch: the length of sequence ", data->offsets.size() - 1, " is ", length,
             ", but a length must be 0 or more.");
      data->offsets.push_back(data->offsets.back() + length);
    }
    return Batch(std::move(data));
  }
  /// Sequences of lengths that are written out: Batch::of({7, 3, 5}).
  static Batch of(std::initializer_list<Index> lengths) {
    return of(std::span<const Index>(lengths.begin(), lengths.size()));
  }

  /// These sequences with tokens to which no query may attend: one entry a token, non-zero = hidden. Throws on
  /// another number of entries.
  Batch hiding(std::span<const std::uint8_t> hidden) const {
    expect(Index(hidden.size()) == tokens(), "Batch::hiding: the mask has ", hidden.size(),
           " entries, but the batch has ", tokens(), " tokens; give one entry a token.");
    auto data = std::make_shared<Data>(*data_);
    data->offsets.resize(std::size_t(sequences_) + 1);
    data->hidden.assign(hidden.begin(), hidden.end());
    return Batch(std::move(data));
  }
  /// Its first sequences, which costs nothing. Throws when there are not so many.
  Batch first(Index sequences) const {
    expect(sequences >= 0 && sequences <= sequences_, "Batch::first: ", sequences,
           " sequences were asked for, but the batch has ", sequences_, "; ask for 0 to that many.");
    Batch some = *this;
    some.sequences_ = sequences;
    return some;
  }

  /// How many sequences there are.
  Index sequences() const { return sequences_; }
  /// Tokens of all sequences.
  Index tokens() const { return begin(sequences_); }
  /// The row of the first token of sequence i.
  Index begin(Index i) const { return data_->offsets[std::size_t(i)]; }
  /// Tokens of sequence i.
  Index length(Index i) const { return begin(i + 1) - begin(i); }
  /// The length of the longest sequence.
  Index longest() const {
    Index length = 0;
    for (Index i = 0; i < sequences(); ++i) length = std::max(length, this->length(i));
    return length;
  }
  /// Whether some tokens may be hidden.
  bool hides() const { return !data_->hidden.empty(); }
  /// The hidden-key mask from the first token of sequence i on, or nullptr when every key is visible.
  const std::uint8_t* hidden(Index i) const {
    return data_->hidden.empty() ? nullptr : data_->hidden.data() + begin(i);
  }

 private:
  struct Data {
    std::vector<Index> offsets{0};
    std::vector<std::uint8_t> hidden;
  };
  explicit Batch(std::shared_ptr<const Data> data)
      : data_(std::move(data)), sequences_(Index(data_->offsets.size()) - 1) {}
  static const std::shared_ptr<const Data>& none() {
    static const std::shared_ptr<const Data> data = std::make_shared<Data>();
    return data;
  }

  std::shared_ptr<const Data> data_;
  Index sequences_;
};

}  // namespace residual
