#pragma once

#include <algorithm>
#include <limits>

#include "residual/core/workspace.hpp"
#include "residual/kernel/parallel.hpp"
#include "residual/kernel/simd.hpp"

namespace residual {

/// In how many chains the packs of a row are joined.
inline constexpr Index row_chains = 4;
/// Entries after which the chains of a row begin anew: so many zeros more, in front or behind, do not change the bits of a
/// sum.
template <class S>
inline constexpr Index row_period = row_chains* Pack<S>::lanes;

/// Joins f(i, count) over the packs of a row as four chains, since each link waits for the one before. The chain of a pack
/// depends on its place alone, so that more packs of zeros do not change the bits of a sum.
template <class S, class F, class Join>
EIGEN_STRONG_INLINE Pack<S> join_packs(Index size, const Pack<S>& start, F&& f, Join&& join) {
  constexpr Index lanes = Pack<S>::lanes, chains = row_chains;
  constexpr std::integral_constant<Index, lanes> whole;
  Pack<S> joined[chains] = {start, start, start, start};
  Index i = 0;
  for (; i + chains * lanes <= size; i += chains * lanes) {
    RESIDUAL_UNROLL(4)
    for (Index c = 0; c < chains; ++c) joined[c] = join(joined[c], f(i + c * lanes, whole));
  }
  RESIDUAL_UNROLL(4)
  for (Index c = 0; c < chains; ++c, i += lanes) {
    if (i + lanes <= size) {
      joined[c] = join(joined[c], f(i, whole));
    } else if (i < size) {
      joined[c] = join(joined[c], f(i, size - i));
    }
  }
  return join(join(joined[0], joined[1]), join(joined[2], joined[3]));
}
/// The sum of f(i, count) over the packs of a row.
template <class S, class F>
EIGEN_STRONG_INLINE S row_sum(Index size, F&& f) {
  return sum(join_packs(size, Pack<S>(S(0)), f, [](const Pack<S>& a, const Pack<S>& b) { return a + b; }));
}
/// The highest number of a row, -infinity if it has none.
template <class S>
S row_highest(const S* row, Index size) {
  const S lowest = -std::numeric_limits<S>::infinity();
  const auto load = [&](Index i, auto n) { return Pack<S>::load(row + i, n, lowest); };
  return highest(
      join_packs(size, Pack<S>(lowest), load, [](const Pack<S>& a, const Pack<S>& b) { return higher_of(a, b); }));
}

/// a_1 b_1 + ... + a_size b_size.
template <class S>
S row_dot(const S* a, const S* b, Index size) {
  return row_sum<S>(size, [&](Index j, auto n) { return Pack<S>::load(a + j, n) * Pack<S>::load(b + j, n); });
}

/// How many rows of `cols` entries are worth a thread of their own.
inline Index row_grain(Index cols) { return 1 + 2048 / (1 + cols); }

/// a + b; what rounding takes from it, if it is finite, is added to `rest` (Knuth's sum of two).
template <class S>
EIGEN_STRONG_INLINE Pack<S> exact_sum(const Pack<S>& a, const Pack<S>& b, Pack<S>& rest) {
  const Pack<S> sum = a + b, of_b = sum - a, taken = (a - (sum - of_b)) + (b - of_b);
  rest += if_equal(taken, taken, taken, Pack<S>(S(0)));
  return sum;
}

/// sum[j] += part[j] for `count` entries; what rounding takes from it is added to `rest`.
template <class S>
void add_exactly(Index count, const S* part, S* sum, S* rest) {
  each_pack<S>(count, [&](Index j, auto n) {
    Pack<S> more = Pack<S>::load(rest + j, n);
    exact_sum(Pack<S>::load(sum + j, n), Pack<S>::load(part + j, n), more).store(sum + j, n);
    more.store(rest + j, n);
  });
}

/// sums[j] += f(0, j) + f(1, j) + ... for all rows i and columns j, 64 rows at a time in their order; what rounding takes from
/// these additions is kept, so that a million rows are as exact as a hundred. f(i, j, count) gives the packs of row i.
/// Where rows come in blocks, all but the last of a multiple of 64, `rests` holds what was kept from one to the next, 0 at
/// first, to be added at the end: the bits then do not depend on the blocks. Without it, it is added at once.
template <class S, class F>
void add_column_sums(const Executor& executor, Index rows, Index cols, F&& f, S* sums, S* rests = nullptr) {
  constexpr Index width = 8 * Pack<S>::lanes, widest = 16 * width, chunk = 64;
  parallel_ranges(executor, (cols + width - 1) / width, row_grain(rows * width), [&](Index begin, Index end) {
    S part[std::size_t(widest)], kept[std::size_t(widest)];
    for (Index first = begin * width; first < std::min(end * width, cols); first += widest) {
      const Index count = std::min({end * width, cols, first + widest}) - first;
      S *sum = sums + first, *rest = rests != nullptr ? rests + first : kept;
      if (rests == nullptr) std::fill_n(kept, count, S(0));
      for (Index i = 0; i < rows; i += chunk) {
        const Index last = std::min(i + chunk, rows);
        std::fill_n(part, count, S(0));
        Index k = i;
        for (; k + 4 <= last; k += 4) {
          each_pack<S>(count, [&](Index j, auto n) {
            const auto row = [&](Index r) { return f(r, first + j, n); };
            (Pack<S>::load(part + j, n) + ((row(k) + row(k + 1)) + (row(k + 2) + row(k + 3)))).store(part + j, n);
          });
        }
        for (; k < last; ++k) {
          each_pack<S>(count,
                       [&](Index j, auto n) { (Pack<S>::load(part + j, n) + f(k, first + j, n)).store(part + j, n); });
        }
        add_exactly(count, part, sum, rest);
      }
      if (rests == nullptr) Eigen::Map<Row<S>>(sum, count) += Eigen::Map<const Row<S>>(kept, count);
    }
  });
}
/// sums[j] += m(0, j) + m(1, j) + ..., the columns' sums of a matrix.
template <class S>
void add_column_sums(const Executor& executor, In<S> m, S* sums, S* rests = nullptr) {
  add_column_sums<S>(
      executor, m.rows(), m.cols(), [&](Index i, Index j, auto n) { return Pack<S>::load(m.row_data(i) + j, n); }, sums,
      rests);
}

/// The column sums of blocks of rows that follow each other, see `add_column_sums`.
template <class S>
class ColumnSums {
 public:
  /// Adds to sums[0 .. cols).
  ColumnSums(Workspace<S>& workspace, Index cols, S* sums) : rests_(workspace.zeros(1, cols)), sums_(sums) {}
  /// Adds those of the next block.
  void add(const Executor& executor, In<S> block) {
    if (rests_.cols() > 0) add_column_sums<S>(executor, block, sums_, rests_.data());
  }
  /// Adds, behind the last block, what was kept.
  void finish() { Eigen::Map<Row<S>>(sums_, rests_.cols()) += rests_.row(0); }

 private:
  typename Workspace<S>::Temp rests_;
  S* sums_;
};

/// Calls f(i, j, count) for the packs of all rows, the rows spread over threads.
template <class S, class F>
void each_pack_of_rows(const Executor& executor, Index rows, Index cols, F&& f) {
  parallel_ranges(executor, rows, row_grain(cols), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) each_pack<S>(cols, [&](Index j, auto n) { f(i, j, n); });
  });
}

/// Rows of a block for `for_row_blocks`: enough that packing weights once a block costs little, and a multiple of
/// a product's depth, so that sums over rows keep their order. Where a row has many `bytes`, no more for many threads, whose
/// products then share the block.
inline Index row_block(const Executor& executor, Index rows, Index bytes = 1) {
  constexpr Index few = 512, most_bytes = 4 << 20;
  return std::min(rows, few * std::clamp<Index>(most_bytes / (few * bytes), 1, threads_of(executor)));
}
/// Calls f(begin, count) for one block of at most `block` rows after the other, so that what lies between two products
/// stays small.
template <class F>
void for_row_blocks(Index rows, Index block, F&& f) {
  for (Index begin = 0; begin < rows; begin += block) f(begin, std::min(block, rows - begin));
}

}  // namespace residual
