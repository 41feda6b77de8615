#pragma once

#include "residual/kernel/gemm.hpp"

namespace residual {

/// Whether all entries are finite.
template <class S>
bool all_finite(In<S> m) {
  const Pack<S> zero(S(0));
  Pack<S> sum_of_zeros = zero;
  for (Index i = 0; i < m.rows(); ++i) {
    const S* row = m.row_data(i);
    each_pack<S>(m.cols(), [&](Index j, auto n) { sum_of_zeros = fma(Pack<S>::load(row + j, n), zero, sum_of_zeros); });
  }
  return sum(sum_of_zeros) == S(0);
}

/// C += A B, where a product reads B as `factor`. Guarded, a 0 in A hides its row of B even when that row is not finite; the
/// bits of all other sums are those of `product`.
template <class S>
void add_product(bool guarded, const Factor<S>& a, In<S> b, const Factor<S>& factor, Out<S> c) {
  if (!guarded || all_finite(b)) return product<S>(Serial::instance(), a, factor, c, Write::add);
  for (Index i = 0; i < c.rows(); ++i) {
    each_pack<S>(c.cols(), [&](Index column, auto n) {
      Pack<S> total(S(0));
      for (Index j = 0; j < b.rows(); ++j) {
        const S weight = *a.at(i, j);
        if (weight != S(0)) total = fma(Pack<S>(weight), Pack<S>::load(b.row_data(j) + column, n), total);
      }
      S* target = c.row_data(i) + column;
      (Pack<S>::load(target, n) + total).store(target, n);
    });
  }
}

}  // namespace residual
