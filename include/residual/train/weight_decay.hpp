#pragma once

#include "residual/core/check.hpp"
#include "residual/core/parameters.hpp"

namespace residual {

/// Which numbers an optimizer's weight decay pulls towards 0: 1 for those of weights, embeddings and what is listed with a
/// decaying Start, 0 for biases, norms and whatever else, in the order of `flat()`.
template <class M>
Column<typename M::Scalar> decay_mask(const Parameters<M>& theta) {
  using S = typename M::Scalar;
  Column<S> mask = Column<S>::Zero(theta.size());
  for (const auto& tensor : theta.manifest()) {
    if (tensor.decays()) mask.segment(tensor.offset, tensor.size()).setOnes();
  }
  return mask;
}

/// Calls f(weight mask theta), an expression that is not stored anywhere; an empty mask is all ones.
template <class S, class F>
void with_decay(S weight, const Column<S>& mask, const Eigen::Ref<Column<S>>& theta, F&& f) {
  if (mask.size() == 0) {
    f(weight * theta.array());
  } else {
    f(weight * mask.array() * theta.array());
  }
}

/// Throws unless weight and mask fit an optimizer of `size` numbers.
template <class S>
void expect_decay(const char* who, double weight, const Column<S>& mask, Index size) {
  expect(weight >= 0, who, ": weight_decay is ", weight, ", but it must be 0 or more.");
  expect(mask.size() == 0 || mask.size() == size, who, ": the mask of the weight decay has ", mask.size(),
         " numbers, but there are ", size, " to optimize; make it with decay_mask, or give none.");
}

/// Throws unless a step of `rate` fits an optimizer of `size` numbers.
inline void expect_step(const char* who, Index size, Index theta, Index gradient, double rate) {
  expect(theta == size && gradient == size, who, ": theta has ", theta, " and the gradient ", gradient,
         " numbers, but the optimizer was made for ", size, "; make one for these parameters.");
  expect(rate >= 0, who, ": the learning rate is ", rate, ", but it must be 0 or more.");
}

}  // namespace residual
