#pragma once

#include <algorithm>

#include "residual/kernel/simd.hpp"

namespace residual {

/// A factor of a product: a matrix in memory, or its transpose; as the right one, also a matrix in panels.
template <class S>
struct Factor {
  const S* data;                             ///< entry (0, 0)
  Index rows, cols, row_stride, col_stride;  ///< the shape, and the entries from one row or column to the next
  bool in_panels = false;                    ///< data is what gemm::pack wrote, of col_stride rows
  Index panelled = cols;                     ///< columns that were packed from column 0 here on, `cols` or more

  /// All of a matrix.
  Factor(In<S> m) : Factor(m.data(), m.rows(), m.cols(), m.outerStride(), 1) {}
  /// Memory with the strides of rows and columns.
  Factor(const S* d, Index r, Index c, Index rs, Index cs)
      : data(d), rows(r), cols(c), row_stride(rs), col_stride(cs) {}
  /// The transpose, in the same memory.
  Factor transpose() const { return {data, cols, rows, col_stride, row_stride}; }
  /// Its first rows and columns.
  Factor first(Index r, Index c) const {
    Factor part = *this;
    part.rows = r, part.cols = c;
    return part;
  }
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
/// nor thread changes its bits. A band of A and its part of C stay in the second cache while B's panels pass them once, or its
/// own rows, if they are contiguous and C has few; other factors are packed a chunk of a group of panels at a time, which
/// stays there while bands of A pass it.
template <class S>
struct Blocks {
  static constexpr Index lanes = Pack<S>::lanes;  ///< numbers in a pack
  /// Whether the target has room for a large tile.
  static constexpr bool many_registers = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32;
  static constexpr int packs = lanes == 1 ? 4 : many_registers ? 3 : 2;  ///< of columns of a tile
  static constexpr int rows = lanes == 1 ? 4 : many_registers ? 8 : 6;   ///< of a tile, whose sums are in registers
  static constexpr Index cols = packs * lanes;                           ///< of a tile, and of a panel of B
  static constexpr Index depth = 512;                                    ///< of a chunk of the sum
  static constexpr Index group = (many_registers ? 4 : 8) * cols;        ///< columns of B that are packed together
  static constexpr Index band =
      std::max(Index(384 / sizeof(S)) / rows, Index(1)) * rows;      ///< rows of A that pass panels in turn
  static constexpr bool wide_panels = cols * Index(sizeof(S)) > 64;  ///< whose rows are several lines of memory
  static constexpr Index few_rows = wide_panels ? band : 4 * rows;   ///< of C for which packing B does not pay
  static constexpr Index few_cols = 64;                              ///< of C for which packing A does not pay
  static constexpr Index resident = 1 << 15;  ///< entries of B that stay in the nearer caches while bands pass it
  static constexpr Index waiting = Index(32768 / sizeof(S));  ///< sums that wait there for the next strip of B
  static constexpr Index early = Index(6144 / sizeof(S));     ///< entries of panels that a lone tile fetches ahead
  static constexpr Index line = std::max(Index(64 / sizeof(S)), Index(1));  ///< numbers that are fetched at once
  static constexpr Index ahead = 4;  ///< rows that packing fetches before it needs them

  /// Rows of each tile of a band of `height` rows but the last, which may have fewer.
  static Index tile_rows(Index height) {
    const Index count = (height + rows - 1) / rows;
    return count == 1 ? height : (height + count - 1) / count;
  }
  /// Columns of the panel that begins where `left` columns are left: `cols`, but what is one pack more at the end is halved.
  static Index panel_cols(Index left) {
    const Index n = (left + lanes - 1) / lanes;
    return (n == packs + 1 ? (n + 1) / 2 : std::min(n, Index(packs))) * lanes;
  }
  /// Where panel i of `all` columns begins, or the last, which is number (all - 1) / cols.
  static Index panel_begin(Index i, Index all) {
    const Index n = (all + lanes - 1) / lanes, rest = n % packs;
    const Index last = rest == 0 ? packs : rest == 1 && n > packs ? (packs + 1) / 2 : rest;
    return std::min(i * cols, (n - last) * lanes);
  }
};

/// Copies b(k .. k + depth, j .. j + cols), whose rows are contiguous, to panels, and zeros beyond the last column in a pack that
/// holds some of it. A panel begins at column j.
template <class S>
void pack_rows_of(const Factor<S>& b, Index k, Index depth, Index j, Index cols, S* panels) {
  using B = Blocks<S>;
  const Index left = b.cols - j;
  Index whole = 0;  // panels of `cols` columns are written row by row of b
  while (whole + B::cols <= cols && B::panel_cols(left - whole) == B::cols) whole += B::cols;
  for (Index p = 0; whole > 0 && p < depth; ++p) {
    const S *row = b.at(k + p, j), *later = row + B::ahead * b.row_stride;
    S* panel = panels + p * B::cols;
    for (Index q = 0; q < whole; q += B::cols, panel += depth * B::cols) {
      RESIDUAL_UNROLL(4)
      for (int l = 0; l < B::packs; ++l) {
        prefetch(later + q + l * B::lanes);
        Pack<S>::load(row + q + l * B::lanes).store(panel + l * B::lanes);
      }
    }
  }
  for (Index q = whole, width; q < cols; q += width) {
    width = B::panel_cols(left - q);
    const Index count = std::min(width, left - q);
    for (Index p = 0; p < depth; ++p) {
      const S* row = b.at(k + p, j + q);
      S* panel = panels + q * depth + p * width;
      prefetch(row + B::ahead * b.row_stride);
      each_pack<S>(count, [&](Index l, auto n) { Pack<S>::load(row + l, n).store(panel + l); });
    }
  }
}
/// What `pack_rows_of` does, where b's columns are contiguous.
template <class S>
void pack_columns_of(const Factor<S>& b, Index k, Index depth, Index j, Index cols, S* panels) {
  using B = Blocks<S>;
  for (Index first = 0, width; first < cols; first += width) {
    width = B::panel_cols(b.cols - j - first);
    for (Index q = first; q < first + width; q += B::lanes) {
      S* panel = panels + first * depth + (q - first);
      const Index count = std::min(B::lanes, b.cols - j - q);
      for (Index p = 0; p < depth; p += B::lanes) {
        const Index later = p + B::ahead * B::lanes, beyond = later < depth ? 0 : 1;  // in these columns or the next
        for (Index l = 0; l < B::lanes; ++l) {
          prefetch_from_afar(b.at(k + later - beyond * depth, j + q + beyond * B::lanes + l));
        }
        transpose_block(b.at(k + p, j + q), b.col_stride, count, std::min(B::lanes, depth - p), panel + p * width,
                        width);
      }
    }
  }
}

/// Entries of the panels of a rows x cols matrix.
template <class S>
Index panels_size(Index rows, Index cols) {
  constexpr Index lanes = Blocks<S>::lanes;
  return rows * ((cols + lanes - 1) / lanes * lanes);
}
/// b as a product reads it from the panels that `pack` has written.
template <class S>
Factor<S> in_panels(Factor<S> b, const S* panels) {
  b.data = panels;
  b.col_stride = b.rows;
  b.in_panels = true;
  return b;
}
/// Writes all panels of b, and returns b in them.
template <class S>
Factor<S> pack(const Factor<S>& b, S* panels) {
  (b.col_stride == 1 ? &pack_rows_of<S> : &pack_columns_of<S>)(b, 0, b.rows, 0, b.cols, panels);
  return in_panels(b, panels);
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
