#pragma once

#include <utility>

#include "residual/kernel/rows.hpp"

namespace residual {

/// A matrix (a window or a temporary) whose assignments `=`, `+=`, `-=` and `*=` are spread row by row over threads: row i of
/// the expression may read row i of the matrix itself, but no other row of it.
template <class Matrix>
class ParallelAssign : public Matrix {
 public:
  /// The matrix made from the other arguments.
  template <class... Arguments>
  explicit ParallelAssign(const Executor& executor, Arguments&&... arguments)
      : Matrix(std::forward<Arguments>(arguments)...), executor_(executor) {}

  /// Copies the numbers.
  ParallelAssign& operator=(const ParallelAssign& other) { return *this = other.matrix(); }
  /// Computes every row of the expression.
  template <class Expression>
  ParallelAssign& operator=(const Eigen::DenseBase<Expression>& e) {
    expect_rows<Expression>();
    return each([&](auto&& rows, Index begin) { rows = e.middleRows(begin, rows.rows()); });
  }
  /// Adds every row of the expression.
  template <class Expression>
  ParallelAssign& operator+=(const Eigen::DenseBase<Expression>& e) {
    expect_rows<Expression>();
    return each([&](auto&& rows, Index begin) { rows += e.middleRows(begin, rows.rows()); });
  }
  /// Takes every row of the expression away.
  template <class Expression>
  ParallelAssign& operator-=(const Eigen::DenseBase<Expression>& e) {
    expect_rows<Expression>();
    return each([&](auto&& rows, Index begin) { rows -= e.middleRows(begin, rows.rows()); });
  }
  /// Multiplies all entries.
  ParallelAssign& operator*=(const typename Matrix::Scalar& factor) {
    return each([&](auto&& rows, Index) { rows *= factor; });
  }

 private:
  const Matrix& matrix() const { return *this; }

  template <class Expression>
  static constexpr void expect_rows() {
    static_assert(
        (int(Eigen::internal::traits<Expression>::Flags) & int(Eigen::EvalBeforeNestingBit)) == 0,
        "A product cannot be assigned row by row on threads: use product(...) of kernel/gemm.hpp, or store it in a "
        "matrix first.");
  }
  template <class F>
  ParallelAssign& each(F&& f) {
    parallel_ranges(executor_, this->rows(), row_grain(this->cols()),
                    [&](Index begin, Index end) { f(this->middleRows(begin, end - begin), begin); });
    return *this;
  }

  const Executor& executor_;
};

}  // namespace residual
