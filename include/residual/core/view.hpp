#pragma once

#include "residual/core/compiler.hpp"

#include <Eigen/Core>
#include <concepts>
#include <new>
#include <type_traits>

#include "residual/core/one_target.hpp"

static_assert(EIGEN_VERSION_AT_LEAST(3, 4, 0),
              "residual needs Eigen 3.4 or newer; put its folder first in the includes.");

namespace residual {

/// A count or a place: signed, as in Eigen.
using Index = Eigen::Index;

/// What long sums and large angles of S are computed in: double for float, else S itself.
template <class S>
using Wider = std::conditional_t<std::is_same_v<S, float>, double, S>;

/// A matrix with one token a row, row-major [tokens x features]: PyTorch's layout.
template <class S>
using Tokens = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
/// A row vector: a bias, a gain, one token.
template <class S>
using Row = Eigen::Matrix<S, 1, Eigen::Dynamic>;
/// A column vector: one number a token, or everything in a flat row of memory.
template <class S>
using Column = Eigen::Matrix<S, Eigen::Dynamic, 1>;

/// Row-major memory of S whose rows are contiguous: a matrix, a view, a block of one. Expressions and transposes are not:
/// store them in a `Tokens<S>` first.
template <class M, class S>
concept RowMajorMemory = std::same_as<typename M::Scalar, S> && bool(M::IsRowMajor) &&
                         int(M::InnerStrideAtCompileTime) == 1 && requires(const M& m) {
  { m.data() } -> std::convertible_to<const S*>;
  m.outerStride();
};

/// p + n, also for the null pointer of a matrix without entries.
template <class T>
T* offset(T* p, Index n) {
  return p == nullptr ? p : p + n;
}

/// A window on somebody's matrix, to read: cheap to pass by value, never a copy of the numbers.
template <class S>
struct In : Eigen::Map<const Tokens<S>, 0, Eigen::OuterStride<>> {
  using Base = Eigen::Map<const Tokens<S>, 0, Eigen::OuterStride<>>;

  In() : Base(nullptr, 0, 0, Eigen::OuterStride<>(0)) {}
  /// Rows that are `stride` entries apart.
  In(const S* data, Index rows, Index cols, Index stride) : Base(data, rows, cols, Eigen::OuterStride<>(stride)) {}
  /// All of m.
  template <RowMajorMemory<S> M>
  In(const M& m) : In(m.data(), m.rows(), m.cols(), m.outerStride()) {}
  /// Another window on the same matrix.
  In(const In&) = default;
  /// Refused at compile time, with advice: a window shows another matrix by `show`.
  In& operator=(const In&) {
    static_assert(sizeof(S) == 0, "In: a window to read is not assigned to; let it show another matrix, y.show(m).");
  }
  /// From now on it shows what the other shows.
  void show(const In& other) { new (this) In(other); }

  /// A window on `count` rows from `begin` on.
  In rows_from(Index begin, Index count) const { return {row_data(begin), count, this->cols(), this->outerStride()}; }
  /// A window on `count` columns from `begin` on.
  In cols_from(Index begin, Index count) const {
    return {offset(this->data(), begin), this->rows(), count, this->outerStride()};
  }
  /// The first entry of row i.
  const S* row_data(Index i) const { return offset(this->data(), i * this->outerStride()); }
};

/// A window on somebody's matrix, to write. Copying the window shares the matrix; assigning to it writes the matrix.
template <class S>
struct Out : Eigen::Map<Tokens<S>, 0, Eigen::OuterStride<>> {
  using Base = Eigen::Map<Tokens<S>, 0, Eigen::OuterStride<>>;
  using Base::operator=;

  Out() : Base(nullptr, 0, 0, Eigen::OuterStride<>(0)) {}
  /// Rows that are `stride` entries apart.
  Out(S* data, Index rows, Index cols, Index stride) : Base(data, rows, cols, Eigen::OuterStride<>(stride)) {}
  /// All of m.
  template <RowMajorMemory<S> M>
    requires requires(M& m) {
      { m.data() } -> std::same_as<S*>;
    }
  Out(M& m) : Out(m.data(), m.rows(), m.cols(), m.outerStride()) {}
  /// All of m, a view or block that is a temporary itself.
  template <RowMajorMemory<S> M>
    requires(!std::is_lvalue_reference_v<M>)
  &&requires(M& m) {
    { m.data() } -> std::same_as<S*>;
  }
  Out(M&& m) : Out(m.data(), m.rows(), m.cols(), m.outerStride()) {}
  /// Another window on the same matrix.
  Out(const Out&) = default;
  /// Copies the numbers of the other window, which has the same shape.
  Out& operator=(const Out& other) {
    Base::operator=(other);
    return *this;
  }
  /// From now on it shows what the other shows.
  void show(const Out& other) { new (this) Out(other); }

  /// A window on `count` rows from `begin` on.
  Out rows_from(Index begin, Index count) { return {row_data(begin), count, this->cols(), this->outerStride()}; }
  /// A window on `count` columns from `begin` on.
  Out cols_from(Index begin, Index count) {
    return {offset(this->data(), begin), this->rows(), count, this->outerStride()};
  }
  /// The first entry of row i.
  S* row_data(Index i) { return offset(this->data(), i * this->outerStride()); }
};

/// A named piece of a larger buffer. It is bound once by a Carver; copying one is refused, so a copied tree of views can
/// never point into another object's memory, and through a const view the numbers are const too.
template <class Plain>
struct View : Eigen::Map<Plain> {
  using Base = Eigen::Map<Plain>;
  using Base::operator=;
  using Scalar = typename Plain::Scalar;

  View() : Base(nullptr, Plain::RowsAtCompileTime == 1 ? 1 : 0, Plain::ColsAtCompileTime == 1 ? 1 : 0) {}
  /// A window on the same memory.
  View(View&&) noexcept = default;
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  /// From now on it shows this memory.
  void bind(Scalar* data, Index rows, Index cols) { new (static_cast<Base*>(this)) Base(data, rows, cols); }
};

/// A view of one row a token.
template <class S>
using TokensView = View<Tokens<S>>;
/// A view of a row.
template <class S>
using RowView = View<Row<S>>;
/// A view of a column.
template <class S>
using ColumnView = View<Column<S>>;

}  // namespace residual
