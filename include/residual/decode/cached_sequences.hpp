#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "residual/core/batch.hpp"
#include "residual/core/kv_cache.hpp"
#include "residual/model/capacity.hpp"

namespace residual {

/// Which rows of every cache belong to which sequence; the memory's rows are shared. A sequence owns `place` and the rows
/// behind it: one a token, or, where it is endless, twice a ring of R, so that the last R tokens always lie side by side,
///
///     token t in the rows  place + t mod R  and  place + R + t mod R
class CachedSequences {
 public:
  /// CacheRows for so many sequences and tokens, whose product is an Index, and no sequence yet.
  explicit CachedSequences(const Capacity& capacity)
      : CachedSequences(capacity.sequences, capacity.longest, capacity.longest, capacity.longest, 1) {}
  /// CacheRows for so many sequences that never end, of each the tokens of a step and `look_back` in front of them.
  CachedSequences(const Endless& endless, Index look_back)
      : CachedSequences(endless.sequences, std::numeric_limits<Index>::max(), endless.step, look_back + endless.step,
                        2) {}

  /// How many sequences there are.
  Index size() const { return Index(now_.lengths.size()); }
  /// Tokens of sequence i.
  Index length(Index i) const { return now_.lengths[std::size_t(i)]; }
  /// Tokens that sequence i may still take.
  Index room(Index i) const { return longest_ - length(i); }
  /// Rows of every cache for the tokens of all sequences.
  Index rows() const { return most_sequences_ * stride(); }
  /// Throws std::invalid_argument when there is no room for so many.
  void expect_room(Index sequences) const {
    expect(sequences >= 0 && sequences <= most_sequences_, "Decoding: there is no room for ", sequences,
           " sequences, but for 0 to ", most_sequences_, "; make it with a larger `sequences`.");
  }
  /// Throws std::invalid_argument unless the batch has one length for each sequence, and there is room for its tokens.
  void expect_fits(const Batch& batch) const {
    expect_started(batch.sequences());
    expect(batch.sequences() == size(), "Decoding: the step's batch has ", counted(batch.sequences(), "sequence"),
           ", but ", size(), " were started; give one length for each, 0 where no token is added.");
    for (Index i = 0; i < size(); ++i) {
      expect(batch.length(i) <= room(i), "Decoding: sequence ", i, " has ", counted(length(i), "token"),
             " and the step adds ", batch.length(i), ", but there is room for ", longest_,
             "; make it with a larger `longest`.");
      expect(batch.length(i) <= step_, "Decoding: the step adds ", counted(batch.length(i), "token"), " to sequence ",
             i, ", but it was made endless for steps of up to ", step_,
             "; make it with a larger `step`, or add them in several steps.");
    }
  }

  /// Throws std::invalid_argument when something is meant for sequences and there are none.
  void expect_started(Index wanted) const {
    expect(wanted == 0 || size() > 0, "Decoding: no sequence was started; call start(", wanted,
           "), or start(source) where the model reads one, first.");
  }

  /// From now on there are none.
  void clear() { now_.clear(); }
  /// As many empty sequences as the source has, each of which reads its own.
  void start(const Batch& source) {
    source_ = source;
    some_hidden_ = false;
    now_.clear();
    for (Index i = 0; i < source.sequences(); ++i) {
      now_.push_back(i * stride(), 0, source.begin(i), source.length(i));
    }
  }

  /// What a step continues that adds the tokens of `batch`. Nothing has been added yet.
  CachedContext context(const Batch& batch) {
    for (std::size_t i = 0; i < now_.lengths.size(); ++i) {
      now_.totals[i] = now_.lengths[i] + batch.length(Index(i));
      const Index first = std::max<Index>(now_.totals[i] - ring_, 0);  // of the tokens that are kept
      now_.begins[i] = now_.places[i] - first / ring_ * ring_;
    }
    return {.tokens = {now_.begins, now_.totals, some_hidden_ || batch.hides() ? hides_.data() : nullptr},
            .memory = {now_.memory_begins, now_.memory_lengths, source_.hidden_rows()}};
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
  /// Calls copy(from, to, count) until the step's rows, which the caches have by now, are in both rings; if copy throws the
  /// step can be made again.
  template <class CopyRows>
  void mirror(const Batch& batch, CopyRows&& copy) {
    if (rings_ == 1) return;
    for (Index i = 0; i < size(); ++i) {
      const Index begin = now_.begins[std::size_t(i)] + length(i), middle = now_.places[std::size_t(i)] + ring_;
      const Index count = batch.length(i), in_first = std::clamp<Index>(middle - begin, 0, count);
      copy_rows({begin, begin + ring_, in_first}, copy);
      copy_rows({begin + in_first, begin + in_first - ring_, count - in_first}, copy);
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
    for (Index& place : next_.places) {
      if (taken(place)) {
        place = none;
      } else {
        taken(place) = true;
      }
    }
    Index unused = 0;
    for (std::size_t k = 0; k < from.size(); ++k) {
      if (next_.places[k] != none) continue;
      while (taken(unused)) unused += stride();
      taken(unused) = true;
      copies_.push_back({now_.places[std::size_t(from[k])], unused, std::min(next_.lengths[k], ring_)});
      next_.places[k] = unused;
    }
    now_.clear();
    for (const auto& [place, to, count] : copies_) {
      for (Index ring = 0; ring < rings_; ++ring) copy_rows({place + ring * ring_, to + ring * ring_, count}, copy);
    }
    std::swap(now_, next_);
  }

 private:
  static constexpr Index none = -1;

  CachedSequences(Index sequences, Index longest, Index step, Index ring, Index rings)
      : most_sequences_(sequences), longest_(longest), step_(step), ring_(ring), rings_(rings) {
    hides_.resize(std::size_t(rows()));
    taken_.resize(std::size_t(sequences));
    now_.reserve(std::size_t(sequences));
    next_.reserve(std::size_t(sequences));
    copies_.reserve(std::size_t(sequences));
  }

  /// One entry a sequence. `begins` is where token 0 would lie, `totals` are the lengths, both in the step.
  struct Table {
    std::vector<Index> places, lengths, begins, totals, memory_begins, memory_lengths;

    template <class F>
    void each(F&& f) {
      for (auto* column : {&places, &lengths, &begins, &totals, &memory_begins, &memory_lengths}) f(*column);
    }
    void reserve(std::size_t size) {
      each([&](auto& column) { column.reserve(size); });
    }
    void clear() {
      each([](auto& column) { column.clear(); });
    }
    void push_back(Index place, Index length, Index memory_begin, Index memory_length) {
      places.push_back(place);
      lengths.push_back(length);
      begins.push_back(place);
      totals.push_back(length);
      memory_begins.push_back(memory_begin);
      memory_lengths.push_back(memory_length);
    }
    void push_back(const Table& other, std::size_t i) {
      push_back(other.places[i], other.lengths[i], other.memory_begins[i], other.memory_lengths[i]);
    }
  };

  /// Rows that others get, too.
  struct Copy {
    Index from, to, count;
  };

  /// Rows that a sequence owns.
  Index stride() const { return rings_ * ring_; }
  /// Whether the rows from `place` on belong to a sequence.
  std::vector<bool>::reference taken(Index place) { return taken_[std::size_t(place / stride())]; }
  template <class CopyRows>
  void copy_rows(const Copy& rows, CopyRows&& copy) {
    if (rows.count == 0) return;
    copy(rows.from, rows.to, rows.count);
    std::copy_n(hides_.data() + rows.from, rows.count, hides_.data() + rows.to);
  }

  Index most_sequences_, longest_;  ///< at once, tokens of one
  Index step_;                      ///< tokens that a step may add to one
  Index ring_, rings_;              ///< R, and how many a sequence has
  Batch source_;
  Table now_, next_;
  std::vector<Copy> copies_;
  std::vector<std::uint8_t> hides_;
  std::vector<bool> taken_;
  bool some_hidden_ = false;
};

}  // namespace residual
