#pragma once

#include <cmath>

#include "residual/core/check.hpp"
#include "residual/core/view.hpp"

namespace residual {

/// Vaswani et al. 2017 (arXiv:1706.03762):  P[i, 2j] = sin(i / 10000^(2j/d)),  P[i, 2j + 1] = cos(i / 10000^(2j/d)).
template <class S>
Tokens<S> sinusoids(Index rows, Index d) {
  using std::cos;
  using std::pow;
  using std::sin;
  Tokens<S> table(rows, d);
  for (Index j = 0; j < d; ++j) {
    const S rate = pow(S(10000), -S(j - j % 2) / S(d));
    for (Index i = 0; i < rows; ++i) table(i, j) = j % 2 == 0 ? sin(S(i) * rate) : cos(S(i) * rate);
  }
  return table;
}

/// fairseq's order, all sines and then all cosines, with h = floor(d / 2):
///
///     P[i, j] = sin(i / 10000^(j/(h-1))),   P[i, h + j] = cos(i / 10000^(j/(h-1))),   0 in the last column of an odd d
template <class S>
Tokens<S> fairseq_sinusoids(Index rows, Index d) {
  using std::cos;
  using std::pow;
  using std::sin;
  expect(d >= 4, "fairseq_sinusoids: dim is ", d, ", but fairseq's rates need 2 sines or more, so dim 4 or more.");
  const Index half = d / 2;
  Tokens<S> table = Tokens<S>::Zero(rows, d);
  for (Index j = 0; j < half; ++j) {
    const S rate = pow(S(10000), -S(j) / S(half - 1));
    for (Index i = 0; i < rows; ++i) {
      table(i, j) = sin(S(i) * rate);
      table(i, half + j) = cos(S(i) * rate);
    }
  }
  return table;
}

}  // namespace residual
