#pragma once

#include "residual/core/weight_view.hpp"
#include "residual/kernel/panels.hpp"

namespace residual {

/// A window on a weight, the right factor of x W: its panels where there are some, else the matrix.
template <class S>
class Weight {
 public:
  /// A weight of the parameters.
  Weight(const WeightView<S>& w) : matrix_(w), panels_(w.panels) {}
  /// A matrix without panels.
  Weight(In<S> w) : matrix_(w) {}

  /// The matrix, [in x out].
  In<S> matrix() const { return matrix_; }
  /// Outputs of the linear map.
  Index cols() const { return matrix_.cols(); }
  /// Some of the columns, whose panels serve only where one of them begins.
  Weight cols_from(Index begin, Index count) const {
    Weight w(matrix_.cols_from(begin, count));
    if (begin % gemm::Blocks<S>::cols == 0) w.panels_ = offset(panels_, begin * matrix_.rows());
    return w;
  }
  /// What a product takes.
  operator Factor<S>() const {
    Factor<S> factor(matrix_);
    if (panels_ != nullptr) factor.data = panels_;
    factor.in_panels = panels_ != nullptr;
    return factor;
  }

 private:
  In<S> matrix_;
  const S* panels_ = nullptr;
};

}  // namespace residual
