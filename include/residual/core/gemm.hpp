#pragma once

#include <array>
#include <type_traits>
#include <utility>

#include "residual/core/parallel.hpp"
#include "residual/core/simd.hpp"

namespace residual {

/// A factor of a product: a matrix in memory, or its transpose.
template <class S>
struct Factor {
  const S* data;
  Index rows, cols, row_stride, col_stride;

  Factor(In<S> m) : Factor(m.data(), m.rows(), m.cols(), m.outerStride(), 1) {}
  Factor(const S* d, Index r, Index c, Index rs, Index cs)
      : data(d), rows(r), cols(c), row_stride(rs), col_stride(cs) {}
  Factor transpose() const { return {data, cols, rows, col_stride, row_stride}; }
  const S* at(Index i, Index j) const { return data + i * row_stride + j * col_stride; }
};
/// m^T as a factor, without moving a number.
template <class S>
Factor<S> transposed(In<S> m) {
  return Factor<S>(m).transpose();
}

/// What a product does with the values of C that it finds.
enum class Write { overwrite, add };

/// Called with (row, col, rows, cols) of a block of C whose sums are complete, while it lies in the nearest cache.
class Finish {
 public:
  Finish() = default;
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Finish>)
  Finish(const F& f)
      : object_(&f), call_([](const void* object, Index i, Index j, Index rows, Index cols) {
          (*static_cast<const F*>(object))(i, j, rows, cols);
        }) {}
  void operator()(Index i, Index j, Index rows, Index cols) const {
    if (call_ != nullptr) call_(object_, i, j, rows, cols);
  }

 private:
  const void* object_ = nullptr;
  void (*call_)(const void*, Index, Index, Index, Index) = nullptr;
};

namespace gemm {

/// The shape of the blocks. An entry of C is one sum over k in chunks of `depth`, each in order: neither tile nor batch
/// nor thread changes its bits.
template <class S>
struct Blocks {
  static constexpr Index lanes = Pack<S>::lanes;
  static constexpr bool many_registers = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32;
  static constexpr int rows = lanes == 1 ? 4 : many_registers ? 12 : 6;  ///< of a tile held in registers
  static constexpr int packs = lanes == 1 ? 4 : 2;                       ///< of columns of a tile
  static constexpr Index cols = packs * lanes;
  static constexpr Index depth = 256;
  static constexpr Index packed_rows = 96 / rows * rows;  ///< of A repacked at once when its columns are not contiguous
};

/// The tile C = (or +=) A B for Rows rows and Packs packs of columns, its sums in registers.
template <class S, int Rows, int Packs>
void tile(Index depth, const S* a, Index a_row, Index a_col, const S* b, Index b_row, S* c, Index c_row, bool add) {
  constexpr Index lanes = Pack<S>::lanes;
  Pack<S> sums[Rows][Packs];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < Packs; ++j) sums[i][j] = Pack<S>(S(0));
  }
  for (Index k = 0; k < depth; ++k, a += a_col, b += b_row) {
    Pack<S> row[Packs];
#pragma GCC unroll 16
    for (int j = 0; j < Packs; ++j) row[j] = Pack<S>::load(b + j * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Pack<S> value(a[i * a_row]);
#pragma GCC unroll 16
      for (int j = 0; j < Packs; ++j) sums[i][j] = fma(value, row[j], sums[i][j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < Packs; ++j) {
      S* target = c + i * c_row + j * lanes;
      (add ? Pack<S>::load(target) + sums[i][j] : sums[i][j]).store(target);
    }
  }
}

template <class S>
using Tile = void (*)(Index, const S*, Index, Index, const S*, Index, S*, Index, bool);

/// tiles<S, Packs>[r - 1] computes r rows.
template <class S, int Packs, int... I>
constexpr auto make_tiles(std::integer_sequence<int, I...>) {
  return std::array<Tile<S>, sizeof...(I)>{&tile<S, I + 1, Packs>...};
}
template <class S, int Packs>
inline constexpr auto tiles = make_tiles<S, Packs>(std::make_integer_sequence<int, Blocks<S>::rows>());

/// Copies b(k .. k + depth, j .. j + cols) to a panel of Blocks::cols columns, zeros beyond `cols`.
template <class S>
void pack_panel(const Factor<S>& b, Index k, Index depth, Index j, Index cols, S* panel) {
  constexpr Index width = Blocks<S>::cols, lanes = Pack<S>::lanes;
  if (b.col_stride == 1) {
    for (Index p = 0; p < depth; ++p, panel += width) {
      const S* row = b.at(k + p, j);
      for (Index q = 0; q < width; q += lanes) {
        Pack<S>::load(row + q, std::clamp<Index>(cols - q, 0, lanes)).store(panel + q);
      }
    }
    return;
  }
  for (Index q = 0; q < width; q += lanes) {
    Index p = 0;
    if (q + lanes <= cols && b.row_stride == 1) {
      for (; p + lanes <= depth; p += lanes)
        transpose_square(b.at(k + p, j + q), b.col_stride, panel + p * width + q, width);
    }
    for (; p < depth; ++p) {
      for (Index l = 0; l < lanes; ++l) panel[p * width + q + l] = q + l < cols ? *b.at(k + p, j + q + l) : S(0);
    }
  }
}

/// Copies a(i .. i + rows, k .. k + depth), whose columns are contiguous, so that a tile's rows lie together for every k.
template <class S>
void pack_rows(const Factor<S>& a, Index i, Index rows, Index k, Index depth, S* packed) {
  constexpr Index height = Blocks<S>::rows;
  for (Index r = 0; r < rows; r += height) {
    const Index count = std::min(height, rows - r);
    const S* column = a.at(i + r, k);
    for (Index p = 0; p < depth; ++p, column += a.col_stride, packed += count) std::copy_n(column, count, packed);
  }
}

/// The rows and columns of C that one thread computes.
template <class S>
class Region {
 public:
  Region(const Factor<S>& a, const Factor<S>& b, Out<S> c, Write write, const Finish& finish)
      : a_(a), b_(b), c_(c), write_(write), finish_(finish) {}

  void compute(Index row_begin, Index row_end, Index col_begin, Index col_end) {
    using B = Blocks<S>;
    const bool repack = a_.col_stride != 1;
    const Index step = repack ? B::packed_rows : row_end - row_begin;
    alignas(64) S packed_a[B::packed_rows * B::depth];
    alignas(64) S panel[B::cols * B::depth];
    for (Index i = row_begin; i < row_end; i += step) {
      const Index rows = std::min(step, row_end - i);
      for (Index k = 0; k < a_.cols; k += B::depth) {
        const Index depth = std::min(B::depth, a_.cols - k);
        if (repack) pack_rows(a_, i, rows, k, depth, packed_a);
        for (Index j = col_begin; j < col_end; j += B::cols) {
          const Index cols = std::min(B::cols, col_end - j);
          const bool direct = rows <= 2 * B::rows && b_.col_stride == 1 && cols == width(cols);
          if (!direct) pack_panel(b_, k, depth, j, cols, panel);
          const S* b = direct ? b_.at(k, j) : panel;
          const Index b_row = direct ? b_.row_stride : B::cols;
          column(i, rows, k, depth, j, cols, repack ? packed_a : nullptr, b, b_row);
        }
      }
    }
  }

 private:
  /// Columns of the tiles that compute the last `cols` columns of a panel.
  static constexpr Index width(Index cols) { return cols <= Blocks<S>::lanes ? Blocks<S>::lanes : Blocks<S>::cols; }

  void column(Index i, Index rows, Index k, Index depth, Index j, Index cols, const S* packed_a, const S* b,
              Index b_row) {
    using B = Blocks<S>;
    alignas(64) S edge[B::rows * B::cols];
    const bool add = write_ == Write::add || k > 0, last = k + depth == a_.cols;
    const Index count = (rows + B::rows - 1) / B::rows;
    const bool narrow = cols <= B::lanes;
    for (Index t = 0; t < count; ++t) {
      const Index r = packed_a != nullptr ? t * B::rows : rows * t / count;
      const Index r_end = packed_a != nullptr ? std::min(rows, r + B::rows) : rows * (t + 1) / count;
      const Index height = r_end - r;
      const S* a = packed_a != nullptr ? packed_a + r * depth : a_.at(i + r, k);
      const Index a_row = packed_a != nullptr ? 1 : a_.row_stride, a_col = packed_a != nullptr ? height : 1;
      const auto run = (narrow ? tiles<S, 1> : tiles<S, B::packs>)[std::size_t(height - 1)];
      S* c = c_.row_data(i + r) + j;
      if (cols == width(cols)) {
        run(depth, a, a_row, a_col, b, b_row, c, c_.outerStride(), add);
      } else {
        run(depth, a, a_row, a_col, b, b_row, edge, B::cols, false);
        for (Index x = 0; x < height; ++x) {
          S* target = c + x * c_.outerStride();
          for (Index y = 0; y < cols; ++y) target[y] = add ? target[y] + edge[x * B::cols + y] : edge[x * B::cols + y];
        }
      }
      if (last) finish_(i + r, j, height, cols);
    }
  }

  const Factor<S>& a_;
  const Factor<S>& b_;
  Out<S> c_;
  Write write_;
  const Finish& finish_;
};

}  // namespace gemm

/// C = A B or C += A B: every matrix product of the library. `finish` sees each block of C when its sums are complete.
/// C's entries have the same bits for any number of threads, and a row of C depends on no other row of A.
template <class S>
void product(const Executor& executor, const Factor<S>& a, const Factor<S>& b, Out<S> c, Write write = Write::overwrite,
             const Finish& finish = {}) {
  using B = gemm::Blocks<S>;
  const Index rows = c.rows(), cols = c.cols(), depth = a.cols;
  eigen_assert(a.rows == rows && b.cols == cols && b.rows == depth);
  if (rows == 0 || cols == 0) return;
  if (depth == 0) {
    if (write == Write::overwrite) c.setZero();
    return finish(0, 0, rows, cols);
  }
  constexpr double worthwhile = 1 << 18;  // multiplications below which a second thread costs more than it gives
  const Index parts =
      Index(std::min(double(executor.threads()), double(rows) * double(cols) * double(depth) / worthwhile));
  const bool by_rows = rows >= 4 * B::rows * parts;
  const Index size = by_rows ? B::rows : B::cols, count = ((by_rows ? rows : cols) + size - 1) / size;
  parallel_ranges(executor, count, count / std::max<Index>(parts, 1), [&](Index begin, Index end) {
    gemm::Region<S> region(a, b, c, write, finish);
    if (by_rows) {
      region.compute(begin * size, std::min(end * size, rows), 0, cols);
    } else {
      region.compute(0, rows, begin * size, std::min(end * size, cols));
    }
  });
}

}  // namespace residual
