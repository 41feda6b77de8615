#pragma once

#include <limits>

#include "residual/layers/attention/scores.hpp"
#include "residual/layers/linear.hpp"

namespace residual {

/// How a language model makes logits of its last hidden states.
struct Logits {
  bool tied = true;    ///< with the embedding's table; else with a matrix of their own, lm_head.weight
  double softcap = 0;  ///< z becomes softcap tanh(z / softcap), Gemma 2 (arXiv:2408.00118); 0: as it is
  bool operator==(const Logits&) const = default;
  /// Throws std::invalid_argument on a cap that cannot be.
  void check() const {
    using Single = std::numeric_limits<float>;  // a cap and its inverse are finite in every scalar
    expect(softcap == 0 || (softcap >= Single::min() && softcap <= Single::max()), "Logits: softcap is ", softcap,
           ", but it must be a number from ", Single::min(), " to ", Single::max(), ", or 0 for none.");
  }

  /// z = softcap tanh(z / softcap), where there is one.
  template <class S>
  void cap(const Executor& executor, Out<S> z) const {
    if (softcap == 0) return;
    each_pack_of_rows<S>(executor, z.rows(), z.cols(), [&](Index i, Index j, auto n) {
      S* const at = z.row_data(i) + j;
      soft_capped(Pack<S>::load(at, n), S(softcap)).store(at, n);
    });
  }
  /// z = dlogits times the slope of the cap at z.
  template <class S>
  void pull_cap(const Executor& executor, In<S> dlogits, Out<S> z) const {
    each_pack_of_rows<S>(executor, z.rows(), z.cols(), [&](Index i, Index j, auto n) {
      S* const at = z.row_data(i) + j;
      (Pack<S>::load(dlogits.row_data(i) + j, n) * soft_cap_slope(Pack<S>::load(at, n), S(softcap))).store(at, n);
    });
  }
};

}  // namespace residual
