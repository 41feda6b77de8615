#pragma once

#include "residual/layers/layer.hpp"

namespace residual {

/// y = x, without parameters: in the place of a norm that a scheme does without.
template <class S>
struct Identity {
  using Scalar = S;
  struct Params {
    void carve(Carver<S>&, const Identity&) {}
  };
  struct Tape {
    void carve(Carver<S>&, const Identity&, const Pass<S>&) {}
  };
  /// Any width.
  explicit Identity(Index = 0) {}
  bool operator==(const Identity&) const = default;
  void check() const {}

  template <class X>
  void forward(const Params&, Tape&, const Pass<S>& pass, const Eigen::DenseBase<X>& x, Out<S> y) const {
    parallel_ranges(pass.executor, x.rows(), row_grain(x.cols()), [&](Index begin, Index end) {
      y.middleRows(begin, end - begin) = x.middleRows(begin, end - begin);
    });
  }
  void backward(const Params&, const Tape&, const Pass<S>& pass, In<S> dy, Out<S> dx, Params&) const {
    parallel_ranges(pass.executor, dy.rows(), row_grain(dy.cols()), [&](Index begin, Index end) {
      dx.middleRows(begin, end - begin) += dy.middleRows(begin, end - begin);
    });
  }
};

}  // namespace residual
