#pragma once

#include <cmath>
#include <vector>

#include "residual/core/parameter_groups.hpp"

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

/// All of `size` numbers, with the mask as their factors of the weight decay; an empty one is all ones. Throws when
/// the size is negative or the mask does not fit.
template <class S>
std::vector<TrainedRange> ranges_of(const char* who, Index size, const Column<S>& mask) {
  expect(size >= 0, who, ": there are ", size, " numbers to optimize, but it must be 0 or more.");
  expect(mask.size() == 0 || mask.size() == size, who, ": the mask of the weight decay has ", mask.size(),
         " numbers, but there are ", size, " to optimize; make it with decay_mask, or give none.");
  if (mask.size() == 0) return {{0, size, 1, 1}};
  std::vector<TrainedRange> ranges;
  for (Index begin = 0, end; begin < size; begin = end) {
    for (end = begin + 1; end < size && mask[end] == mask[begin];) ++end;
    ranges.push_back({begin, end - begin, 1, double(mask[begin])});
  }
  return ranges;
}

/// Throws unless an optimizer can have this weight decay.
inline void expect_decay(const char* who, double weight) {
  expect(weight >= 0 && std::isfinite(weight), who, ": weight_decay is ", weight,
         ", but it must be a number from 0 on.");
}

/// Throws unless a step of `rate` fits an optimizer of `size` numbers.
inline void expect_step(const char* who, Index size, Index theta, Index gradient, double rate) {
  expect(theta == size && gradient == size, who, ": theta has ", theta, " and the gradient ", gradient,
         " numbers, but the optimizer was made for ", size, "; make one for these parameters.");
  expect(rate >= 0 && std::isfinite(rate), who, ": the learning rate is ", rate,
         ", but it must be a number from 0 on.");
}

}  // namespace residual
