#pragma once

#include <algorithm>

#include "residual/kernel/simd.hpp"

namespace residual {

/// A factor of a product: a matrix in memory, or its transpose; as the right one, also a matrix in panels.
template <class S>
struct Factor {
  const S* data;                             ///< entry (0, 0)
  Index rows, cols, row_stride, col_stride;  ///< the shape, and the entries from one row or column to the next
  bool in_panels = false;                    ///< data is what gemm::pack wrote

  /// All of a matrix.
  Factor(In<S> m) : Factor(m.data(), m.rows(), m.cols(), m.outerStride(), 1) {}
  /// Memory with the strides of rows and columns.
  Factor(const S* d, Index r, Index c, Index rs, Index cs)
      : data(d), rows(r), cols(c), row_stride(rs), col_stride(cs) {}
  /// The transpose, in the same memory.
  Factor transpose() const { return {data, cols, rows, col_stride, row_stride}; }
  /// Where entry (i, j) stands.
  const S* at(Index i, Index j) const { return data + i * row_stride + j * col_stride; }
};
/// m^T as a factor, without moving a number.
template <class S>
Factor<S> transposed(In<S> m) {
  return Factor<S>(m).transpose();
}

namespace gemm {

/// The shape of the blocks. An entry of C is one sum over k in chunks of `depth`, each in order: neither tile nor batch
/// nor thread changes its bits. Each chunk of B is packed a group of panels at a time; beside it lie the rows of A that
/// use it next, so that both stay in the second cache.
template <class S>
struct Blocks {
  static constexpr Index lanes = Pack<S>::lanes;  ///< numbers in a pack
  /// Whether the target has room for a large tile.
  static constexpr bool many_registers = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32;
  static constexpr int rows = lanes == 1 ? 4 : many_registers ? 12 : 6;  ///< of a tile held in registers
  static constexpr int packs = lanes == 1 ? 4 : 2;                       ///< of columns of a tile
  static constexpr Index cols = packs * lanes;                           ///< of a tile, and of a panel of B
  static constexpr Index depth = 256;                                    ///< of a chunk of the sum
  static constexpr Index group = 8 * cols;                               ///< columns of B that are packed together
  static constexpr Index band = 96;      ///< rows of A that pass all panels of a group in turn
  static constexpr Index few_rows = 24;  ///< of C for which packing B does not pay
  static constexpr Index few_cols = 64;  ///< of C for which packing A does not pay
  static constexpr Index ahead = 4;      ///< rows that packing fetches before it needs them

  /// Rows of each tile of a band of `height` rows but the last, which may have fewer.
  static Index tile_rows(Index height) {
    const Index count = (height + rows - 1) / rows;
    return (height + count - 1) / count;
  }
};

/// Copies b(k .. k + depth, j .. j + cols), whose rows are contiguous, to panels of Blocks::cols columns, and
/// zeros beyond `cols` in a pack that holds some of it.
template <class S>
void pack_rows_of(const Factor<S>& b, Index k, Index depth, Index j, Index cols, S* panels) {
  using B = Blocks<S>;
  const Index whole = cols / B::cols * B::cols;
  for (Index p = 0; p < depth; ++p, panels += B::cols) {
    const S* row = b.at(k + p, j);
    const S* later = row + B::ahead * b.row_stride;
    S* panel = panels;
    for (Index q = 0; q < whole; q += B::cols, panel += depth * B::cols) {
      RESIDUAL_UNROLL(4)
      for (int l = 0; l < B::packs; ++l) {
        prefetch(later + q + l * B::lanes);
        Pack<S>::load(row + q + l * B::lanes).store(panel + l * B::lanes);
      }
    }
    each_pack<S>(cols - whole, [&](Index l, auto n) { Pack<S>::load(row + whole + l, n).store(panel + l); });
  }
}
/// What `pack_rows_of` does, where b's columns are contiguous.
template <class S>
void pack_columns_of(const Factor<S>& b, Index k, Index depth, Index j, Index cols, S* panels) {
  using B = Blocks<S>;
  for (Index q = 0; q < (cols + B::cols - 1) / B::cols * B::cols; q += B::lanes) {
    S* panel = panels + q / B::cols * B::cols * depth + q % B::cols;
    Index p = 0;
    for (; q + B::lanes <= cols && p + B::lanes <= depth; p += B::lanes) {
      for (Index l = 0; l < B::lanes; ++l) prefetch(b.at(k + p + B::ahead * B::lanes, j + q + l));
      transpose_square(b.at(k + p, j + q), b.col_stride, panel + p * B::cols, B::cols);
    }
    for (; p < depth; ++p) {
      for (Index l = 0; l < B::lanes; ++l) panel[p * B::cols + l] = q + l < cols ? *b.at(k + p, j + q + l) : S(0);
    }
  }
}

/// Entries of the panels of a rows x cols matrix.
template <class S>
Index panels_size(Index rows, Index cols) {
  return rows * ((cols + Blocks<S>::cols - 1) / Blocks<S>::cols * Blocks<S>::cols);
}
/// Writes all panels of b, whose rows are contiguous: what a product reads in place.
template <class S>
void pack(const Factor<S>& b, S* panels) {
  pack_rows_of(b, 0, b.rows, 0, b.cols, panels);
}

/// Copies the band a(i .. i + height, k .. k + depth), whose columns are contiguous, so that a tile's rows lie together
/// for every k.
template <class S>
void pack_band(const Factor<S>& a, Index i, Index height, Index tile_rows, Index k, Index depth, S* packed) {
  using B = Blocks<S>;
  for (Index p = 0; p < depth; ++p) {
    const S* column = a.at(i, k + p);
    for (Index r = 0; r < height; r += tile_rows) {
      const Index rows = std::min(tile_rows, height - r);
      S* to = packed + r * depth + p * rows;
      prefetch(column + r + B::ahead * a.col_stride);
      if (rows == B::rows) {
        using Whole = Eigen::Array<S, B::rows, 1>;
        Eigen::Map<Whole>{to} = Eigen::Map<const Whole>(column + r);
      } else {
        std::copy_n(column + r, rows, to);
      }
    }
  }
}

}  // namespace gemm

}  // namespace residual
