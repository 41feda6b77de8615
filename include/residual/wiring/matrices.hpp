#pragma once

#include "residual/core/carver.hpp"

namespace residual {

/// n matrices [tokens x dim] on a tape: the values of n streams, or what a stack computed at n places.
template <class S>
class Matrices {
 public:
  Out<S> operator[](Index i) { return Out<S>(all_).rows_from(i * rows_, rows_); }
  In<S> operator[](Index i) const { return In<S>(all_).rows_from(i * rows_, rows_); }

  /// n matrices of [rows x cols].
  void carve(Carver<S>& c, Index n, Index rows, Index cols) {
    rows_ = rows;
    c("", all_, n * rows, cols);
  }

 private:
  TokensView<S> all_;
  Index rows_ = 0;
};

}  // namespace residual
