#pragma once

#include <type_traits>

#include "residual/wiring/sublayers.hpp"

namespace residual {

/// w * x for every row of x, entry by entry: an expression.
template <class X, class S>
auto scaled(const RowView<S>& w, const Eigen::DenseBase<X>& x) {
  return x.derived().cwiseProduct(w.replicate(x.rows(), 1));
}
/// The gradient of w in y = w * x:  dw += the sums of dy * x over the rows.
template <class S>
void add_scale_gradient(const Sublayers<S>& f, std::type_identity_t<In<S>> x, std::type_identity_t<In<S>> dy,
                        RowView<S>& dw) {
  const auto product = [&](Index i, Index j, auto n) {
    return Pack<S>::load(dy.row_data(i) + j, n) * Pack<S>::load(x.row_data(i) + j, n);
  };
  add_column_sums<S>(f.pass().executor, x.rows(), x.cols(), product, dw.data());
}

}  // namespace residual
