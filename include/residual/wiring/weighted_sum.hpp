#pragma once

#include "residual/wiring/matrices.hpp"
#include "residual/wiring/sublayers.hpp"

namespace residual {

/// h = w_0 v_0 + ... + w_count-1 v_count-1, in this order; count must be 1 or more.
template <class S>
void weighted_sum(Sublayers<S>& f, const S* w, Index count, const Matrices<S>& v, Out<S> h) {
  each_pack_of_rows<S>(f.pass().executor, h.rows(), h.cols(), [&](Index i, Index j, auto n) {
    Pack<S> sum = Pack<S>(w[0]) * Pack<S>::load(v[0].row_data(i) + j, n);
    for (Index k = 1; k < count; ++k) sum = fma(Pack<S>(w[k]), Pack<S>::load(v[k].row_data(i) + j, n), sum);
    sum.store(h.row_data(i) + j, n);
  });
}
/// dw_k += <dh, v_k>,   dv_k += w_k dh
template <class S>
void weighted_sum_pull(Sublayers<S>& f, const S* w, Index count, const Matrices<S>& v, In<S> dh, S* dw, Temps<S>& dv) {
  for (Index k = 0; k < count; ++k) {
    dw[k] += f.dot(dh, v[k]);
    dv[k] += w[k] * dh;
  }
}

}  // namespace residual
