#pragma once

#include <climits>
#include <concepts>
#include <deque>
#include <vector>

#include "mpi_ranks.hpp"
#include "residual/core/check.hpp"
#include "residual/core/view.hpp"

/// Sums vectors over all ranks, range by range, while later ranges are still being computed. In effect it is one
/// all-reduce, but one whose bits are fixed: of each range, rank r is sent the r-th piece by everybody, adds the pieces in
/// the order of the ranks, and sends the sum to everybody. So every entry is added once, in one place and one order; the
/// result does not depend on timing, and all ranks hold the same bits, which MPI_Allreduce does not promise.
template <class S>
class OrderedSum {
  static_assert(std::same_as<S, float> || std::same_as<S, double>, "OrderedSum sums float or double.");

 public:
  explicit OrderedSum(const Ranks& ranks) : ranks_(ranks) {}

  /// From now on, until epilogue() returns, the range belongs to this object; then it holds the sum over all ranks.
  /// All ranks start ranges of the same sizes in the same order.
  void start(residual::Index size, S* data) {
    residual::expect(size <= INT_MAX, "OrderedSum: a range has ", size, " numbers, but MPI counts up to ", INT_MAX,
                     "; start it in parts.");
    if (started_ == ranges_.size()) ranges_.emplace_back();
    exchange(ranges_[started_], size, data);
    if (started_ > 0) gather(ranges_[started_ - 1]);
    ++started_;
  }
  /// Lets MPI work on what is under way.
  void progress() {
    int done = 0;
    for (std::size_t i = 0; i < started_; ++i) MPI_Test(&ranges_[i].request, &done, MPI_STATUS_IGNORE);
  }
  /// Waits for all ranges.
  void epilogue() {
    if (started_ > 0) gather(ranges_[started_ - 1]);
    for (std::size_t i = 0; i < started_; ++i) MPI_Wait(&ranges_[i].request, MPI_STATUS_IGNORE);
    started_ = 0;
  }

 private:
  using Vector = Eigen::VectorX<S>;
  static MPI_Datatype type() { return std::same_as<S, float> ? MPI_FLOAT : MPI_DOUBLE; }

  struct Range {
    S* data;
    std::vector<int> sizes, begins;            ///< of the pieces in the range
    std::vector<int> own_sizes, parts_begins;  ///< of this rank's piece as the others send it
    std::vector<S> parts;                      ///< this rank's piece from rank 0, 1, ...
    MPI_Request request;
  };

  void exchange(Range& range, residual::Index size, S* data) const {
    const auto ranks = std::size_t(ranks_.count());
    const auto begin = [&](std::size_t rank) { return int(size * residual::Index(rank) / residual::Index(ranks)); };
    const auto own = std::size_t(ranks_.own());
    const int own_size = begin(own + 1) - begin(own);
    range.data = data;
    range.sizes.resize(ranks), range.begins.resize(ranks), range.parts_begins.resize(ranks);
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      range.begins[rank] = begin(rank);
      range.sizes[rank] = begin(rank + 1) - begin(rank);
      range.parts_begins[rank] = int(rank) * own_size;
    }
    range.own_sizes.assign(ranks, own_size);
    range.parts.resize(ranks * std::size_t(own_size));
    MPI_Ialltoallv(data, range.sizes.data(), range.begins.data(), type(), range.parts.data(), range.own_sizes.data(),
                   range.parts_begins.data(), type(), ranks_.comm(), &range.request);
  }

  void gather(Range& range) const {
    MPI_Wait(&range.request, MPI_STATUS_IGNORE);
    const auto own = std::size_t(ranks_.own());
    const auto size = residual::Index(range.sizes[own]);
    Eigen::Map<Vector> sum(range.data + range.begins[own], size);
    sum = Eigen::Map<const Vector>(range.parts.data(), size);
    for (residual::Index rank = 1; rank < ranks_.count(); ++rank) {
      sum += Eigen::Map<const Vector>(range.parts.data() + rank * size, size);
    }
    MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, range.data, range.sizes.data(), range.begins.data(), type(),
                    ranks_.comm(), &range.request);
  }

  const Ranks& ranks_;
  std::deque<Range> ranges_;  ///< the first `started_` are under way; the others keep their memory
  std::size_t started_ = 0;
};
