#pragma once

#include <utility>

#include "residual/core/rows.hpp"

namespace residual {

/// A matrix (a window or a temporary) whose assignments, `=` and `+=`, are spread row by row over threads.
template <class Matrix>
class Spread : public Matrix {
 public:
  /// The matrix made from the other arguments.
  template <class... Arguments>
  explicit Spread(const Executor& executor, Arguments&&... arguments)
      : Matrix(std::forward<Arguments>(arguments)...), executor_(executor) {}

  /// Copies the numbers.
  Spread& operator=(const Spread& other) { return *this = other.matrix(); }
  /// Computes every row of the expression.
  template <class Expression>
  Spread& operator=(const Eigen::DenseBase<Expression>& e) {
    return each([&](auto&& rows, Index begin) { rows = e.middleRows(begin, rows.rows()); });
  }
  /// Adds every row of the expression.
  template <class Expression>
  Spread& operator+=(const Eigen::DenseBase<Expression>& e) {
    return each([&](auto&& rows, Index begin) { rows += e.middleRows(begin, rows.rows()); });
  }

 private:
  const Matrix& matrix() const { return *this; }

  template <class F>
  Spread& each(F&& f) {
    parallel_ranges(executor_, this->rows(), row_grain(this->cols()),
                    [&](Index begin, Index end) { f(this->middleRows(begin, end - begin), begin); });
    return *this;
  }

  const Executor& executor_;
};

}  // namespace residual
