#pragma once

#include <type_traits>

#include "residual/kernel/parallel.hpp"
#include "residual/kernel/register_tile.hpp"

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
    if (b_.in_panels) return read_panels(row_begin, row_end, height, col_begin, col_end);
    if (b_.col_stride == 1 && rows <= B::few_rows) col_begin = read_rows(row_begin, rows, col_begin, col_end);
    read_packed(row_begin, row_end, height, col_begin, col_end);
  }

 private:
  using B = Blocks<S>;
  /// a(row .. row + height, k .. k + depth).
  struct Band {
    Index row, height, tile_rows, k, depth;
    const S* packed;  ///< or nullptr: read A in place
  };
  /// b(k + begin .. k + begin + rows, col .. col + cols), where k is a band's.
  struct Panel {
    Index col, cols, begin, rows;
    const S* data;
    Index row_stride;
    const S* next = nullptr;  ///< what is read after it, or nullptr: nothing need be fetched
    S* sums = nullptr;        ///< where those of a band wait for the rows that follow
  };

  /// The band's part of A, packed where its columns are contiguous and C is wide.
  Band band_at(Index row, Index height, Index k) {
    const Index depth = std::min(B::depth, a_.cols - k), tile_rows = B::tile_rows(height);
    const bool packs = a_.col_stride != 1 && c_.cols() > B::few_cols;
    if (packs) pack_band(a_, row, height, tile_rows, k, depth, band_);
    return {row, height, tile_rows, k, depth, packs ? band_ : nullptr};
  }
  /// Where row k of the panel at column j begins, in a factor in panels.
  const S* panel_at(Index k, Index j) const { return b_.data + j * b_.col_stride + k * B::panel_cols(b_.panelled - j); }

  /// With panels that `pack` has written.
  void read_panels(Index row_begin, Index row_end, Index height, Index col_begin, Index col_end) {
    const bool stays_near = a_.cols * (col_end - col_begin) <= B::resident, one_tile = row_end - row_begin <= B::rows;
    const bool alone = row_end - row_begin == 1;  // for which processors fetch narrow panels by themselves
    // The rows of one tile pass each panel from end to end, as it lies in memory; a band of more, whose parts of A and C stay
    // near, all panels.
    for (Index j = col_begin, cols; j < col_end; j += cols) {
      cols = one_tile ? B::panel_cols(b_.panelled - j) : col_end - j;
      for (Index i = row_begin; i < row_end; i += height) {
        for (Index k = 0; k < a_.cols; k += B::depth) {
          const Band band = band_at(i, std::min(height, row_end - i), k);
          const S* after = k + band.depth < a_.cols ? panel_at(k + band.depth, j)
                           : i + height < row_end   ? panel_at(0, j)
                                                    : nullptr;
          for (Index p = j, width; p < j + cols; p += width) {
            width = B::panel_cols(b_.panelled - p);
            const S *data = panel_at(k, p), *next = p + width < j + cols ? panel_at(k, p + width) : after;
            if (one_tile) next = data + B::early;
            if (stays_near || (alone && !B::wide_panels)) next = nullptr;
            column(band, {p, std::min(width, b_.cols - p), 0, band.depth, data, width, next});
          }
        }
      }
    }
  }

  /// With b's own rows, where C has few: a strip of some rows at a time, so that memory is read in the order in which it lies.
  /// Returns the column from which on there is no panel of whole packs.
  Index read_rows(Index row, Index rows, Index col_begin, Index col_end) {
    const Index whole = b_.cols % B::lanes == 0 ? b_.cols : B::panel_begin(b_.cols, b_.cols);
    const Index end = std::min(col_end, whole), most = std::max<Index>(B::waiting / (rows * B::cols), 1) * B::cols;
    // A small B is near, but for one row, which may read the values of a head in a step of decoding.
    const bool whole_chunks = rows > 1 && a_.cols * (col_end - col_begin) <= B::resident;
    const Index strip = whole_chunks ? B::depth : std::clamp<Index>(8 * rows, 16, 64);
    for (Index j = col_begin, cols; j < end; j += cols) {
      cols = end - j <= most + B::lanes ? end - j : most;
      for (Index k = 0; k < a_.cols; k += B::depth) {
        const Band band = band_at(row, rows, k);
        for (Index p = 0; p < band.depth; p += strip) {
          S* sums = panels_;
          for (Index q = j, width; q < j + cols; q += width, sums += rows * B::cols) {
            width = B::panel_cols(b_.cols - q);
            const S *data = b_.at(k + p, q), *next = data + strip * b_.row_stride;
            if (whole_chunks) next = q + width < j + cols ? data + width : nullptr;
            column(band, {q, width, p, std::min(strip, band.depth - p), data, b_.row_stride, next, sums});
          }
        }
      }
    }
    return std::max(col_begin, end);
  }

  /// With panels that are packed on the way, a chunk of a group at a time.
  void read_packed(Index row_begin, Index row_end, Index height, Index col_begin, Index col_end) {
    const auto pack_b = b_.col_stride == 1 ? &pack_rows_of<S> : &pack_columns_of<S>;
    for (Index j = col_begin, cols; j < col_end; j += cols) {
      const Index left = col_end - j;
      cols = left <= B::group + B::lanes ? left : B::group;
      for (Index k = 0; k < a_.cols; k += B::depth) {
        const Index depth = std::min(B::depth, a_.cols - k);
        pack_b(b_, k, depth, j, cols, panels_);
        for (Index i = row_begin; i < row_end; i += height) {
          const Band band = band_at(i, std::min(height, row_end - i), k);
          for (Index q = 0, width; q < cols; q += width) {
            width = B::panel_cols(b_.cols - (j + q));
            column(band, {j + q, std::min(width, b_.cols - (j + q)), 0, depth, panels_ + q * depth, width});
          }
        }
      }
    }
  }

  /// The tiles of a band that use one panel.
  void column(const Band& band, const Panel& b) {
    alignas(64) S edge[B::rows * B::cols];
    const bool ends = b.begin + b.rows == band.depth, last = ends && band.k + band.depth == a_.cols;
    const bool add = write_ == Write::add || band.k > 0, packed = band.packed != nullptr;
    const Index c_row = c_.outerStride(), d_row = add ? c_row : 0, packs = (b.cols + B::lanes - 1) / B::lanes;
    // Each of many tiles fetches its share of the next panel; of few, or of a strip, the first fetches a row beside each of its own.
    const Index tiles_of_band = (band.height + band.tile_rows - 1) / band.tile_rows;
    const Index share = (B::cols + tiles_of_band - 1) / tiles_of_band;
    const bool shares = b.sums == nullptr && tiles_of_band > 1 && share <= B::line;
    Ahead<S> ahead;
    if (b.next != nullptr) ahead = {shares ? Fetch::line : Fetch::row, b.next, shares ? share : b.row_stride};
    for (Index r = 0; r < band.height; r += band.tile_rows) {
      const Index rows = std::min(band.tile_rows, band.height - r);
      const S* a = packed ? band.packed + r * band.depth + b.begin * rows : a_.at(band.row + r, band.k + b.begin);
      const Index a_row = packed ? 1 : a_.row_stride, a_col = packed ? rows : a_.col_stride;
      S *c = c_.row_data(band.row + r) + b.col, *waiting = offset(b.sums, r * B::cols);
      const S* d = add ? c : bias_ != nullptr ? bias_ + b.col : zeros_;
      const auto compute = [&](S* to, Index to_row, const S* plus, Index plus_row) {
        tiles<S>.of(rows, packs)(b.rows, a, a_row, a_col, b.data, b.row_stride, b.begin > 0 ? waiting : nullptr, to,
                                 to_row, plus, plus_row, ahead);
      };
      if (!ends) {
        compute(waiting, B::cols, nullptr, 0);
      } else if (b.cols == packs * B::lanes) {
        compute(c, c_row, d, d_row);
      } else {
        compute(edge, B::cols, zeros_, 0);
        for (Index x = 0; x < rows; ++x) {
          S *target = c + x * c_row, *sums = edge + x * B::cols;
          for (Index y = 0; y < b.cols; ++y) target[y] = d[x * d_row + y] + sums[y];
        }
      }
      if (last) epilogue_(band.row + r, b.col, rows, b.cols);
      ahead = shares ? Ahead<S>{ahead.fetch, offset(ahead.from, b.rows * share), share} : Ahead<S>();
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
