#pragma once

#include <limits>

#include "residual/kernel/parallel.hpp"
#include "residual/kernel/simd.hpp"

namespace residual {

/// Joins f(i, count) over the packs of a row as four chains, since each link waits for the one before. The chain of a pack
/// depends on its place alone, so that more packs of zeros do not change the bits of a sum.
template <class S, class F, class Join>
EIGEN_STRONG_INLINE Pack<S> join_packs(Index size, const Pack<S>& start, F&& f, Join&& join) {
  constexpr Index lanes = Pack<S>::lanes, chains = 4;
  constexpr std::integral_constant<Index, lanes> whole;
  Pack<S> joined[chains] = {start, start, start, start};
  Index i = 0;
  for (; i + chains * lanes <= size; i += chains * lanes) {
#pragma GCC unroll 4
    for (Index c = 0; c < chains; ++c) joined[c] = join(joined[c], f(i + c * lanes, whole));
  }
#pragma GCC unroll 4
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
inline Index row_grain(Index cols) { return 1 + 16384 / (1 + cols); }

/// sums[j] += f(0, j) + f(1, j) + ... for all rows i and columns j, in the order of the rows. f(i, j, count) gives the
/// packs of row i.
template <class S, class F>
void add_column_sums(const Executor& executor, Index rows, Index cols, F&& f, S* sums) {
  constexpr Index width = 8 * Pack<S>::lanes;
  parallel_ranges(executor, (cols + width - 1) / width, 1 + 16384 / (1 + rows * width), [&](Index begin, Index end) {
    const Index first = begin * width, count = std::min(end * width, cols) - first;
    for (Index i = 0; i < rows; ++i) {
      each_pack<S>(count, [&](Index j, auto n) {
        (Pack<S>::load(sums + first + j, n) + f(i, first + j, n)).store(sums + first + j, n);
      });
    }
  });
}
/// sums[j] += m(0, j) + m(1, j) + ..., the columns' sums of a matrix.
template <class S>
void add_column_sums(const Executor& executor, In<S> m, S* sums) {
  add_column_sums<S>(
      executor, m.rows(), m.cols(), [&](Index i, Index j, auto n) { return Pack<S>::load(m.row_data(i) + j, n); },
      sums);
}

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
