#pragma once

#include <utility>

#include "residual/kernel/row_source.hpp"

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
    assign_rows<typename Matrix::Scalar>(executor_, e, *this);
    return *this;
  }
  /// Adds every row of the expression.
  template <class Expression>
  ParallelAssign& operator+=(const Eigen::DenseBase<Expression>& e) {
    return *this = matrix() + e.derived();
  }
  /// Takes every row of the expression away.
  template <class Expression>
  ParallelAssign& operator-=(const Eigen::DenseBase<Expression>& e) {
    return *this = matrix() - e.derived();
  }
  /// Multiplies all entries.
  ParallelAssign& operator*=(const typename Matrix::Scalar& factor) { return *this = factor * matrix(); }

 private:
  const Matrix& matrix() const { return *this; }

  const Executor& executor_;
};

}  // namespace residual
