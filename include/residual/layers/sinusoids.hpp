#pragma once

#include <cmath>

#include "residual/core/check.hpp"
#include "residual/core/view.hpp"

namespace residual {

/// Writes sin(i rate) to the column `sine` and cos(i rate) to the column `cosine`, for every row i, where there
/// are such columns: the angle of a float in double, since it is large.
template <class S>
void write_waves(Tokens<S>& table, Wider<S> rate, Index sine, Index cosine) {
  using std::cos;
  using std::sin;
  for (Index i = 0; i < table.rows(); ++i) {
    const Wider<S> angle = Wider<S>(i) * rate;
    if (sine < table.cols()) table(i, sine) = S(sin(angle));
    if (cosine < table.cols()) table(i, cosine) = S(cos(angle));
  }
}

/// Vaswani et al. 2017 (arXiv:1706.03762):  P[i, 2j] = sin(i / 10000^(2j/d)),  P[i, 2j + 1] = cos(i / 10000^(2j/d)).
template <class S>
Tokens<S> sinusoids(Index rows, Index d) {
  using std::pow;
  Tokens<S> table(rows, d);
  for (Index j = 0; j < d; j += 2) {
    write_waves<S>(table, pow(Wider<S>(10000), -Wider<S>(j) / Wider<S>(d)), j, j + 1);
  }
  return table;
}

/// fairseq's order, all sines and then all cosines, with h = floor(d / 2):
///
///     P[i, j] = sin(i / 10000^(j/(h-1))),   P[i, h + j] = cos(i / 10000^(j/(h-1))),   0 in the last column of an odd d
template <class S>
Tokens<S> fairseq_sinusoids(Index rows, Index d) {
  using std::pow;
  expect(d >= 4, "fairseq_sinusoids: dim is ", d, ", but fairseq's rates need 2 sines or more, so dim 4 or more.");
  const Index half = d / 2;
  Tokens<S> table = Tokens<S>::Zero(rows, d);
  for (Index j = 0; j < half; ++j) {
    write_waves<S>(table, pow(Wider<S>(10000), -Wider<S>(j) / Wider<S>(half - 1)), j, half + j);
  }
  return table;
}

}  // namespace residual
