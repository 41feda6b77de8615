#pragma once

#include "residual/core/weight_view.hpp"
#include "residual/kernel/panels.hpp"

namespace residual {

/// A window on a weight, the right factor of x W: its panels where there are some, else the matrix.
template <class S>
class Weight {
 public:
  /// A weight of the parameters.
  Weight(const WeightView<S>& w) : matrix_(w), panels_(w.panels), panelled_(w.cols()) {}
  /// A matrix without panels.
  Weight(In<S> w) : matrix_(w) {}

  /// The matrix, [in x out].
  In<S> matrix() const { return matrix_; }
  /// Outputs of the linear map.
  Index cols() const { return matrix_.cols(); }
  /// Some of the columns, whose panels serve only where one of them begins.
  Weight cols_from(Index begin, Index count) const {
    using B = gemm::Blocks<S>;
    Weight w(matrix_.cols_from(begin, count));
    if (panels_ != nullptr && B::panel_begin((begin + B::cols - 1) / B::cols, panelled_) == begin) {
      w.panels_ = panels_ + begin * matrix_.rows();
      w.panelled_ = panelled_ - begin;
    }
    return w;
  }
  /// What a product takes.
  operator Factor<S>() const {
    Factor<S> factor(matrix_);
    if (panels_ != nullptr) {
      factor.data = panels_;
      factor.col_stride = factor.rows;
      factor.in_panels = true;
      factor.panelled = panelled_;
    }
    return factor;
  }

 private:
  In<S> matrix_;
  const S* panels_ = nullptr;
  Index panelled_ = 0;  ///< columns that were packed, from the first here on
};

}  // namespace residual
