#pragma once

#include <vector>

#include "residual/core/batch.hpp"
#include "residual/core/kv_cache.hpp"
#include "residual/model/capacity.hpp"

namespace residual {

/// Which rows of every cache belong to which sequence. A sequence owns the rows begin .. begin + longest; the memory's
/// rows are shared.
class CachedSequences {
 public:
  /// CacheRows for so many sequences and tokens, whose product is an Index, and no sequence yet.
  explicit CachedSequences(const Capacity& capacity)
      : capacity_(capacity), hides_(std::size_t(rows())), taken_(std::size_t(capacity.sequences)) {
    now_.reserve(std::size_t(capacity.sequences));
    next_.reserve(std::size_t(capacity.sequences));
    copies_.reserve(std::size_t(capacity.sequences));
  }

  /// How many sequences there are.
  Index size() const { return Index(now_.lengths.size()); }
  /// Tokens of sequence i.
  Index length(Index i) const { return now_.lengths[std::size_t(i)]; }
  /// Tokens that a sequence has room for.
  Index longest() const { return capacity_.longest; }
  /// Rows of every cache for the tokens of all sequences.
  Index rows() const { return capacity_.sequences * capacity_.longest; }
  /// Throws std::invalid_argument when there is no room for so many.
  void expect_room(Index sequences) const {
    expect(sequences >= 0 && sequences <= capacity_.sequences, "Decoding: there is no room for ", sequences,
           " sequences, but for 0 to ", capacity_.sequences, "; make it with a larger `sequences`.");
  }

  /// From now on there are none.
  void clear() { now_.clear(); }
  /// As many empty sequences as the source has, each of which reads its own.
  void start(const Batch& source) {
    source_ = source;
    some_hidden_ = false;
    now_.clear();
    for (Index i = 0; i < source.sequences(); ++i) {
      now_.push_back(i * capacity_.longest, 0, source.begin(i), source.length(i));
    }
  }

  /// What a step continues that adds the tokens of `batch`. Nothing has been added yet.
  CachedContext context(const Batch& batch) {
    for (std::size_t i = 0; i < now_.lengths.size(); ++i) now_.totals[i] = now_.lengths[i] + batch.length(Index(i));
    return {.tokens = {now_.begins, now_.totals, some_hidden_ || batch.hides() ? hides_.data() : nullptr},
            .memory = {now_.memory_begins, now_.memory_lengths, source_.hides() ? source_.hidden(0) : nullptr}};
  }
  /// Writes down which tokens of the step are hidden, behind those that there are.
  void hide(const Batch& batch) {
    for (Index i = 0; i < size(); ++i) {
      auto* to = hides_.data() + now_.begins[std::size_t(i)] + length(i);
      if (batch.hides()) {
        std::copy_n(batch.hidden(i), batch.length(i), to);
      } else {
        std::fill_n(to, batch.length(i), std::uint8_t(0));
      }
    }
  }
  /// Adds the step's tokens, of which `context` and `hide` have been told.
  void grow(const Batch& batch) {
    some_hidden_ = some_hidden_ || batch.hides();
    now_.lengths = now_.totals;
  }

  /// Sequence i continues what was sequence from[i]. The first that continues a sequence takes over its rows; for the
  /// others copy(from, to, count) is called. If copy throws there are no sequences, since rows of some may be overwritten.
  template <class CopyRows>
  void reorder(std::span<const Index> from, CopyRows&& copy) {
    copies_.clear();
    std::fill(taken_.begin(), taken_.end(), false);
    next_.clear();
    for (const Index i : from) next_.push_back(now_, std::size_t(i));
    for (Index& begin : next_.begins) {
      if (taken(begin)) {
        begin = none;
      } else {
        taken(begin) = true;
      }
    }
    Index unused = 0;
    for (std::size_t k = 0; k < from.size(); ++k) {
      if (next_.begins[k] != none) continue;
      while (taken(unused)) unused += capacity_.longest;
      taken(unused) = true;
      copies_.push_back({now_.begins[std::size_t(from[k])], unused, next_.lengths[k]});
      next_.begins[k] = unused;
    }
    now_.clear();
    for (const auto& [begin, to, count] : copies_) {
      copy(begin, to, count);
      std::copy_n(hides_.data() + begin, count, hides_.data() + to);
    }
    std::swap(now_, next_);
  }

 private:
  static constexpr Index none = -1;

  /// One entry a sequence. `totals` are the lengths after the step.
  struct Table {
    std::vector<Index> begins, lengths, totals, memory_begins, memory_lengths;

    template <class F>
    void each(F&& f) {
      for (auto* column : {&begins, &lengths, &totals, &memory_begins, &memory_lengths}) f(*column);
    }
    void reserve(std::size_t size) {
      each([&](auto& column) { column.reserve(size); });
    }
    void clear() {
      each([](auto& column) { column.clear(); });
    }
    void push_back(Index begin, Index length, Index memory_begin, Index memory_length) {
      begins.push_back(begin);
      lengths.push_back(length);
      totals.push_back(length);
      memory_begins.push_back(memory_begin);
      memory_lengths.push_back(memory_length);
    }
    void push_back(const Table& other, std::size_t i) {
      push_back(other.begins[i], other.lengths[i], other.memory_begins[i], other.memory_lengths[i]);
    }
  };

  /// Rows of one sequence that another gets, too.
  struct Copy {
    Index from, to, count;
  };

  /// Whether the rows from `begin` on belong to a sequence.
  std::vector<bool>::reference taken(Index begin) { return taken_[std::size_t(begin / capacity_.longest)]; }

  Capacity capacity_;
  Batch source_;
  Table now_, next_;
  std::vector<Copy> copies_;
  std::vector<std::uint8_t> hides_;
  std::vector<bool> taken_;
  bool some_hidden_ = false;
};

}  // namespace residual
