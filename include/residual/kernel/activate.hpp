#pragma once

#include <algorithm>

#include "residual/kernel/activation.hpp"

namespace residual {
namespace detail {

/// Calls f(x, y, count) for each pack of two matrices, ends of rows, too: what f computes is then compiled once.
template <class S, class F>
void each_pack_of_two(In<S> x, Out<S> y, F&& f) {
  for (Index i = 0; i < x.rows(); ++i) {
    const S* from = x.row_data(i);
    S* to = y.row_data(i);
    for (Index j = 0; j < x.cols(); j += Pack<S>::lanes) f(from + j, to + j, std::min(Pack<S>::lanes, x.cols() - j));
  }
}

}  // namespace detail

/// y = phi(x), entry by entry; y may be x. Both are [rows x cols].
template <class S>
void activate(Activation activation, In<S> x, Out<S> y) {
  with_activation(activation, [&](auto phi) {
    detail::each_pack_of_two<S>(
        x, y, [phi](const S* from, S* to, Index n) { phi.value(Pack<S>::load(from, n)).store(to, n); });
  });
}
/// The VJP of y = phi(x): dy becomes phi'(x) dy, entry by entry. Both are [rows x cols].
template <class S>
void pull_activation(Activation activation, In<S> x, Out<S> dy) {
  with_activation(activation, [&](auto phi) {
    detail::each_pack_of_two<S>(x, dy, [phi](const S* from, S* to, Index n) {
      (Pack<S>::load(to, n) * phi.slope(Pack<S>::load(from, n))).store(to, n);
    });
  });
}

}  // namespace residual
