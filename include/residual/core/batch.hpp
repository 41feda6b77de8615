#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "residual/core/check.hpp"

namespace residual {

/// Lengths of sequences: a std::vector<int>, an array of Index, a std::span, ...
template <class R>
concept Lengths = requires(const R& lengths) {
  std::size(lengths);
  requires std::integral<std::iter_value_t<decltype(std::begin(lengths))>>;
  requires !std::same_as<std::iter_value_t<decltype(std::begin(lengths))>, bool>;
};

/// Sequences of any lengths packed one after another, without padding: sequence i is the rows
/// begin(i) .. begin(i) + length(i) of every matrix of tokens. Copies share their memory and cost nothing; `assign` changes
/// one batch and none of its copies.
class Batch {
 public:
  /// No sequences.
  Batch() : Batch(none()) {}

  /// One sequence a length; a length may be 0. Throws when one is negative.
  template <Lengths R>
  static Batch of(const R& lengths) {
    expect_lengths(lengths);
    auto data = std::make_shared<Data>();
    data->set(lengths);
    return Batch(std::move(data));
  }
  /// Sequences of lengths that are written out: Batch::of({7, 3, 5}).
  static Batch of(std::initializer_list<Index> lengths) {
    return of(std::span<const Index>(lengths.begin(), lengths.size()));
  }

  /// From now on it has these sequences, and hides what `hidden` says, as `hiding` does; empty: nothing. Where a batch is
  /// given new lengths for each pass of a tape or step of a decoding, this allocates nothing once it has held as many. Throws,
  /// with nothing changed, when a length is negative or the mask has not one entry a token.
  template <Lengths R>
  void assign(const R& lengths, std::span<const std::uint8_t> hidden = {}) {
    const Index tokens = expect_lengths(lengths);
    if (!hidden.empty()) expect_mask(hidden, tokens);
    if (!is_mine(data_) && !is_mine(spare_.data)) spare_.data = std::make_shared<Data>();
    auto& next = is_mine(data_) ? data_ : spare_.data;  // who has read the last lengths reads them still
    next->offsets.reserve(std::size_t(std::size(lengths)) + 1);
    next->hidden.reserve(hidden.size());
    next->set(lengths);
    next->hidden.assign(hidden.begin(), hidden.end());
    if (&next != &data_) std::swap(data_, spare_.data);
    sequences_ = Index(data_->offsets.size()) - 1;
  }
  /// Takes lengths that are written out: assign({7, 3, 5}).
  void assign(std::initializer_list<Index> lengths, std::span<const std::uint8_t> hidden = {}) {
    assign(std::span<const Index>(lengths.begin(), lengths.size()), hidden);
  }

  /// These sequences with tokens to which no query may attend: one entry a token, non-zero = hidden. Throws on
  /// another number of entries.
  Batch hiding(std::span<const std::uint8_t> hidden) const {
    expect_mask(hidden, tokens());
    auto data = std::make_shared<Data>(*data_);
    data->offsets.resize(std::size_t(sequences_) + 1);
    data->hidden.assign(hidden.begin(), hidden.end());
    return Batch(std::move(data));
  }
  /// Its first sequences, which costs nothing. Throws when there are not so many.
  Batch first(Index sequences) const {
    expect(sequences >= 0 && sequences <= sequences_, "Batch::first: the first ", counted(sequences, "sequence"),
           " cannot be taken of a batch of ", sequences_, "; ask for 0 to that many.");
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
  /// A byte a token of all sequences, non-zero = hidden; nullptr: none is.
  const std::uint8_t* hidden_rows() const { return data_->hidden.empty() ? nullptr : data_->hidden.data(); }
  /// The hidden-key mask from the first token of sequence i on, or nullptr when every key is visible.
  const std::uint8_t* hidden(Index i) const {
    return data_->hidden.empty() ? nullptr : data_->hidden.data() + begin(i);
  }

 private:
  struct Data {
    std::vector<Index> offsets{0};
    std::vector<std::uint8_t> hidden;

    template <class R>
    void set(const R& lengths) {
      offsets.resize(1);
      for (const auto length : lengths) offsets.push_back(offsets.back() + Index(length));
    }
  };
  /// What `assign` writes next; a copy of the batch has its own.
  struct Spare {
    std::shared_ptr<Data> data;
    Spare() = default;
    Spare(const Spare&) {}
    Spare(Spare&&) noexcept = default;
    Spare& operator=(const Spare&) { return *this; }
    Spare& operator=(Spare&&) noexcept = default;
  };

  explicit Batch(std::shared_ptr<Data> data) : data_(std::move(data)), sequences_(Index(data_->offsets.size()) - 1) {}
  static const std::shared_ptr<Data>& none() {
    static const std::shared_ptr<Data> data = std::make_shared<Data>();
    return data;
  }
  /// Whether nobody else reads it.
  static bool is_mine(const std::shared_ptr<Data>& data) {
    if (data.use_count() != 1) return false;
    std::atomic_thread_fence(std::memory_order_acquire);  // what other threads read of it, they have read
    return true;
  }
  /// Returns how many tokens they are.
  template <class R>
  static Index expect_lengths(const R& lengths) {
    constexpr Index most = std::numeric_limits<Index>::max();
    Index tokens = 0, sequence = 0;
    for (const auto length : lengths) {
      expect(std::cmp_greater_equal(length, 0), "Batch: the length of sequence ", sequence, " is ", length,
             ", but a length must be 0 or more.");
      expect(std::cmp_less_equal(length, most - tokens), "Batch: the length of sequence ", sequence, " is ", length,
             ", but a batch has up to ", most,
             " tokens in all; give shorter ones, and look whether this one was computed below 0 without a sign.");
      tokens += Index(length);
      ++sequence;
    }
    return tokens;
  }
  static void expect_mask(std::span<const std::uint8_t> hidden, Index tokens) {
    expect(Index(hidden.size()) == tokens, "Batch::hiding: the mask has ", counted(hidden.size(), "entry", "entries"),
           ", but the batch has ", counted(tokens, "token"), "; give one entry a token.");
  }

  std::shared_ptr<Data> data_;
  Spare spare_;
  Index sequences_;
};

}  // namespace residual
