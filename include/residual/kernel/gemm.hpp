#pragma once

#include <type_traits>
#include <utility>

#include "residual/kernel/panels.hpp"
#include "residual/kernel/parallel.hpp"

namespace residual {

/// What a product does with the values of C that it finds.
enum class Write { overwrite, add };

/// Called with (row, col, rows, cols) of a block of C whose sums are complete, while it lies in the nearest cache.
class Epilogue {
 public:
  Epilogue() = default;
  /// Refers to f, which must outlive it.
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Epilogue>)
  Epilogue(const F& f)
      : object_(&f), call_([](const void* object, Index i, Index j, Index rows, Index cols) {
          (*static_cast<const F*>(object))(i, j, rows, cols);
        }) {}
  /// Calls it, if there is one.
  void operator()(Index i, Index j, Index rows, Index cols) const {
    if (call_ != nullptr) call_(object_, i, j, rows, cols);
  }

 private:
  const void* object_ = nullptr;
  void (*call_)(const void*, Index, Index, Index, Index) = nullptr;
};

namespace gemm {

/// sums += A B for a tile's rows and packs. Beside each of B's rows it also fetches `Lines` lines of memory from `next` on, and
/// goes next_row numbers further.
template <int Lines, class S, int Rows, int Packs>
RESIDUAL_INLINE void add_products(Pack<S> (&sums)[Rows][Packs], Index depth, const S* a, Index a_row, Index a_col,
                                  const S* b, Index b_row, const S* next, Index next_row) {
  constexpr Index lanes = Pack<S>::lanes;
  for (Index k = 0; k < depth; ++k, a += a_col, b += b_row) {
    if constexpr (Lines > 0) {
      RESIDUAL_UNROLL(16)
      for (int l = 0; l < Lines; ++l) prefetch(next + l * Blocks<S>::line);
      next += next_row;
    }
    Pack<S> row[Packs];
    RESIDUAL_UNROLL(16)
    for (int j = 0; j < Packs; ++j) row[j] = Pack<S>::load(b + j * lanes);
    RESIDUAL_UNROLL(16)
    for (int i = 0; i < Rows; ++i) {
      const Pack<S> value(a[i * a_row]);
      RESIDUAL_UNROLL(16)
      for (int j = 0; j < Packs; ++j) sums[i][j] = fma(value, row[j], sums[i][j]);
    }
  }
}

/// The tile C = A B + D for Rows rows and Packs packs of columns, its sums in registers. D may be C, or one row for all with
/// a stride of 0. What is at `next`, unless that is nullptr, is fetched on the way.
template <class S, int Rows, int Packs>
void tile(Index depth, const S* a, Index a_row, Index a_col, const S* b, Index b_row, S* c, Index c_row, const S* d,
          Index d_row, const S* next, Index next_row) {
  constexpr Index lanes = Pack<S>::lanes;
  if (d == c) {
    for (Index i = 0; i < Rows; ++i) {
      for (Index j = 0; j < Packs; ++j) prefetch_to_write(c + i * c_row + j * lanes);
    }
  }
  Pack<S> sums[Rows][Packs];
  RESIDUAL_UNROLL(16)
  for (int i = 0; i < Rows; ++i) {
    RESIDUAL_UNROLL(16)
    for (int j = 0; j < Packs; ++j) sums[i][j] = Pack<S>(S(0));
  }
  constexpr int lines = (Packs * lanes + Blocks<S>::line - 1) / Blocks<S>::line;  // of a row of B
  if (next == nullptr) {
    add_products<0>(sums, depth, a, a_row, a_col, b, b_row, next, next_row);
  } else if (next_row <= Blocks<S>::line) {
    add_products<1>(sums, depth, a, a_row, a_col, b, b_row, next, next_row);
  } else {
    add_products<lines>(sums, depth, a, a_row, a_col, b, b_row, next, next_row);
  }
  RESIDUAL_UNROLL(16)
  for (int i = 0; i < Rows; ++i, c += c_row, d += d_row) {
    RESIDUAL_UNROLL(16)
    for (int j = 0; j < Packs; ++j) (Pack<S>::load(d + j * lanes) + sums[i][j]).store(c + j * lanes);
  }
}

/// `tile` of some number of rows and packs.
template <class S>
using Tile = void (*)(Index, const S*, Index, Index, const S*, Index, S*, Index, const S*, Index, const S*, Index);

/// `tile` of all shapes. Its type is no template of the standard library, whose visibility would make `tiles` one object for all
/// shared libraries of a process, whatever their targets.
template <class S>
struct Tiles {
  using B = Blocks<S>;
  Tile<S> all[std::size_t(B::packs * B::rows)];

  /// The tile of some rows and packs, both from 1.
  Tile<S> of(Index rows, Index packs) const { return all[(packs - 1) * B::rows + rows - 1]; }
};
/// Makes them: number I has I % rows + 1 rows and I / rows + 1 packs.
template <class S, int... I>
constexpr Tiles<S> make_tiles(std::integer_sequence<int, I...>) {
  constexpr int rows = Blocks<S>::rows;
  return {{&tile<S, I % rows + 1, I / rows + 1>...}};
}
/// The tiles of a scalar, made at compile time.
template <class S>
inline constexpr Tiles<S> tiles = make_tiles<S>(std::make_integer_sequence<int, Blocks<S>::packs * Blocks<S>::rows>());

/// The rows and columns of C that one thread computes.
template <class S>
class Region {
 public:
  /// What is computed; all must outlive it.
  Region(const Factor<S>& a, const Factor<S>& b, Out<S> c, Write write, const S* bias, const Epilogue& epilogue)
      : a_(a), b_(b), c_(c), write_(write), bias_(bias), epilogue_(epilogue) {}

  /// Computes this part of C, whose columns are those of whole panels.
  void compute(Index row_begin, Index row_end, Index col_begin, Index col_end) {
    const Index rows = row_end - row_begin, bands = (rows + B::band - 1) / B::band, share = (rows + bands - 1) / bands;
    const Index height = (share + B::rows - 1) / B::rows * B::rows;  // of every band but the last
    const bool few_rows = rows <= B::few_rows;
    if (b_.in_panels) {
      const bool fetches = few_rows || a_.cols * (col_end - col_begin) > B::resident;
      for (Index j = col_begin, cols; j < col_end; j += cols) {
        // The rows of one tile pass each panel from end to end, as it lies in memory; a band of more, whose parts of A and C stay
        // near, all panels.
        cols = rows <= B::rows ? B::panel_cols(b_.panelled - j) : col_end - j;
        for (Index i = row_begin; i < row_end; i += height) {
          for (Index k = 0; k < a_.cols; k += B::depth) {
            const Index depth = std::min(B::depth, a_.cols - k);
            const Index ahead = k > 0 ? B::depth - depth : 0;  // what the chunk before has fetched of the next panel
            const S* next = k + depth < a_.cols    ? panel_at(k + depth, j)
                            : i + height < row_end ? panel_at(0, j)
                            : j + cols < col_end   ? panel_at(ahead, j + cols)
                                                   : nullptr;
            multiply({i, std::min(height, row_end - i)}, {k, depth, j, cols, 0, fetches, next});
          }
        }
      }
      return;
    }
    const auto pack_b = b_.col_stride == 1 ? &pack_rows_of<S> : &pack_columns_of<S>;
    const Index whole = b_.cols % B::lanes == 0 ? b_.cols : B::panel_begin(b_.cols, b_.cols);  // panels of whole packs
    for (Index j = col_begin, cols; j < col_end; j += cols) {
      const Index left = col_end - j;
      cols = left <= B::group + B::lanes ? left : B::group;
      const Index in_place = few_rows && b_.col_stride == 1 ? std::min(cols, whole - j) : 0;
      for (Index k = 0; k < a_.cols; k += B::depth) {
        const Index depth = std::min(B::depth, a_.cols - k);
        if (in_place < cols) pack_b(b_, k, depth, j + in_place, cols - in_place, panels_ + in_place * depth);
        for (Index i = row_begin; i < row_end; i += height) {
          multiply({i, std::min(height, row_end - i)}, {k, depth, j, cols, in_place});
        }
      }
    }
  }

 private:
  using B = Blocks<S>;
  struct Band {
    Index row, height, tile_rows = 0;
    const S* packed = nullptr;  ///< or nullptr: read A in place
  };
  /// b(k .. k + depth, col .. col + cols), whose panels pass a band in turn.
  struct Group {
    Index k, depth, col, cols, in_place;  ///< the first in_place columns are read in b's own rows
    bool fetches = false;                 ///< each panel fetches the one after it
    const S* next = nullptr;              ///< the panel after the last one, if any
  };
  struct Panel {
    Index col, cols;
    const S* data;
    Index row_stride;
    const S* next = nullptr;  ///< what is read after it, or nullptr: nothing need be fetched
    Index next_row = 0;       ///< numbers from row to row there; 0: it is a panel
  };
  /// Where row k of the panel at column j begins, in a factor in panels.
  const S* panel_at(Index k, Index j) const { return b_.data + j * b_.col_stride + k * B::panel_cols(b_.panelled - j); }

  /// Adds the products of a band and a group.
  void multiply(Band band, const Group& group) {
    const auto& [k, depth, begin, cols, in_place, fetches, next] = group;
    band.tile_rows = B::tile_rows(band.height);
    if (a_.col_stride != 1 && c_.cols() > B::few_cols) {
      pack_band(a_, band.row, band.height, band.tile_rows, k, depth, band_);
      band.packed = band_;
    }
    for (Index q = 0, width; q < cols; q += width) {
      const Index j = begin + q;
      width = B::panel_cols(b_.panelled - j);
      const Index count = std::min(width, b_.cols - j);
      const S* after = !fetches ? nullptr : q + width < cols ? panel_at(k, j + width) : next;
      // The rows of one tile see each row of B first in one panel, then in the next: memory is read in one direction.
      const S* beside = band.height <= B::rows && q + width < in_place ? b_.at(k, j + width) : nullptr;
      column(band, k, depth,
             b_.in_panels   ? Panel{j, count, panel_at(k, j), width, after}
             : q < in_place ? Panel{j, count, b_.at(k, j), b_.row_stride, beside, b_.row_stride}
                            : Panel{j, count, panels_ + q * depth, width});
    }
  }

  /// The tiles of a band that use one panel of b(k .. k + depth).
  void column(const Band& band, Index k, Index depth, const Panel& b) {
    alignas(64) S edge[B::rows * B::cols];
    const bool add = write_ == Write::add || k > 0, last = k + depth == a_.cols, packed = band.packed != nullptr;
    const Index d_row = add ? c_.outerStride() : 0, packs = (b.cols + B::lanes - 1) / B::lanes;
    Index next_row = b.next_row;
    const S* next = b.next;
    if (next != nullptr && next_row == 0) {  // of which each tile fetches its share
      const Index tiles_of_band = (band.height + band.tile_rows - 1) / band.tile_rows;
      next_row = (B::cols + tiles_of_band - 1) / tiles_of_band;
    }
    for (Index r = 0; r < band.height; r += band.tile_rows, next = offset(next, depth * next_row)) {
      const Index rows = std::min(band.tile_rows, band.height - r);
      const S* a = packed ? band.packed + r * depth : a_.at(band.row + r, k);
      const Index a_row = packed ? 1 : a_.row_stride, a_col = packed ? rows : a_.col_stride;
      const Tile<S> tile = tiles<S>.of(rows, packs);
      S* c = c_.row_data(band.row + r) + b.col;
      const S* d = add ? c : bias_ != nullptr ? bias_ + b.col : zeros_;
      if (b.cols == packs * B::lanes) {
        tile(depth, a, a_row, a_col, b.data, b.row_stride, c, c_.outerStride(), d, d_row, next, next_row);
      } else {
        tile(depth, a, a_row, a_col, b.data, b.row_stride, edge, B::cols, zeros_, 0, next, next_row);
        for (Index x = 0; x < rows; ++x) {
          S *target = c + x * c_.outerStride(), *sums = edge + x * B::cols;
          for (Index y = 0; y < b.cols; ++y) target[y] = d[x * d_row + y] + sums[y];
        }
      }
      if (last) epilogue_(band.row + r, b.col, rows, b.cols);
    }
  }

  const Factor<S>& a_;
  const Factor<S>& b_;
  Out<S> c_;
  Write write_;
  const S* bias_;
  const Epilogue& epilogue_;
  S zeros_[std::size_t(B::cols)] = {};  ///< a row to add to sums that begin
  alignas(64) S panels_[(B::group + B::lanes) * B::depth];
  alignas(64) S band_[B::band * B::depth];
};

}  // namespace gemm

/// C = A B or C += A B: every matrix product of the library. With a bias, a row as wide as C, C = A B + bias in every row.
/// `epilogue` sees each block of C when its sums are complete. A C without memory, the gradient of a frozen weight, is left
/// out. C's entries have the same bits for any number of threads, and a row of C depends on no other row of A.
template <class S>
void product(const Executor& executor, const Factor<S>& a, const Factor<S>& b, Out<S> c, Write write = Write::overwrite,
             const Epilogue& epilogue = {}, const S* bias = nullptr) {
  using B = gemm::Blocks<S>;
  const Index rows = c.rows(), cols = c.cols(), depth = a.cols;
  eigen_assert(a.rows == rows && b.cols == cols && b.rows == depth);
  eigen_assert(bias == nullptr || write == Write::overwrite);
  if (rows == 0 || cols == 0 || c.data() == nullptr) return;
  if (depth == 0) {
    if (write == Write::overwrite) c.setZero();
    if (bias != nullptr) c.rowwise() = Eigen::Map<const Row<S>>(bias, cols);
    return epilogue(0, 0, rows, cols);
  }
  // Multiplications below which a second thread costs more than it gives. A side below 8 takes no less: the other factor is
  // read, or C written.
  constexpr double worthwhile = double(1 << 14) * double(Pack<S>::lanes);
  const auto at_least = [](Index side) { return double(std::max<Index>(side, 8)); };
  const double work = at_least(rows) * at_least(cols) * at_least(depth);
  const Index parts = Index(std::clamp(work / worthwhile, 1., double(threads_of(executor))));
  const auto compute = [&](Index row_begin, Index row_end, Index col_begin, Index col_end) {
    gemm::Region<S>(a, b, c, write, bias, epilogue).compute(row_begin, row_end, col_begin, col_end);
  };
  if (parts == 1) return compute(0, rows, 0, cols);
  const auto largest_part = [&](Index size, Index all) {  // of 1, when whole tiles are dealt out
    const Index tiles = (all + size - 1) / size;
    return double(std::min((tiles + parts - 1) / parts * size, all)) / double(all);
  };
  // By rows every thread reads all of B, which it packs unless B is in panels, but its own rows of A and C alone, which then
  // stay in its caches from one product to the next.
  const bool by_rows = (rows >= 4 * B::rows * parts && (rows >= cols || b.in_panels)) ||
                       1.15 * largest_part(B::rows, rows) < largest_part(B::cols, cols);
  if (by_rows) {
    const Index count = (rows + B::rows - 1) / B::rows;
    return parallel_ranges(executor, count, count / parts, [&](Index begin, Index end) {
      compute(begin * B::rows, std::min(end * B::rows, rows), 0, cols);
    });
  }
  const Index count = (cols + B::cols - 1) / B::cols;
  parallel_ranges(executor, count, count / parts, [&](Index begin, Index end) {
    compute(0, rows, B::panel_begin(begin, b.panelled), end == count ? cols : B::panel_begin(end, b.panelled));
  });
}

}  // namespace residual
