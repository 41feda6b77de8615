#pragma once

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
/// the size is negative, the mask has another one, or an entry of it is negative or not finite.
template <class S>
std::vector<TrainedRange> ranges_of(const char* who, Index size, const Column<S>& mask) {
  expect(size >= 0, who, ": there are ", size, " numbers to optimize, but it must be 0 or more.");
  expect(mask.size() == 0 || mask.size() == size, who, ": the mask of the weight decay has ", mask.size(),
         " numbers, but there are ", size, " to optimize; make it with decay_mask, or give none.");
  if (mask.size() == 0) return {{0, size, 1, 1}};
  std::vector<TrainedRange> ranges;
  for (Index begin = 0, end; begin < size; begin = end) {
    expect(mask[begin] >= S(0) && is_finite(mask[begin]), who, ": entry ", begin,
           " of the mask of the weight decay is ", mask[begin],
           ", but it must be finite and 0 or more; make the mask with decay_mask, or give none.");
    for (end = begin + 1; end < size && mask[end] == mask[begin];) ++end;
    ranges.push_back({begin, end - begin, 1, double(mask[begin])});
  }
  return ranges;
}

/// Throws unless a number, and its product with the factor of each range, is finite as S and 0 or more.
template <class S>
void expect_number(const char* who, const char* what, double number, const std::vector<TrainedRange>& ranges,
                   double TrainedRange::*factor) {
  expect(number >= 0 && is_finite(S(number)), who, ": ", what, " is ", number,
         ", but it must be 0 or more, and finite in the scalar of the parameters.");
  for (const TrainedRange& range : ranges) {
    expect(is_finite(S(number) * S(range.*factor)), who, ": ", what, " is ", number, ", and some parameters have ",
           range.*factor, " times as much, but the product must be finite in their scalar; give smaller numbers.");
  }
}

/// Throws unless an optimizer of these ranges can have this weight decay.
template <class S>
void expect_decay(const char* who, double weight, const std::vector<TrainedRange>& ranges) {
  expect_number<S>(who, "weight_decay", weight, ranges, &TrainedRange::decay);
}

/// Throws unless a step of `rate` fits an optimizer of `size` numbers and these ranges.
template <class S>
void expect_step(const char* who, Index size, Index theta, Index gradient, double rate,
                 const std::vector<TrainedRange>& ranges) {
  expect(theta == size && gradient == size, who, ": theta has ", theta, " and the gradient ", gradient,
         " numbers, but the optimizer was made for ", size, "; make one for these parameters.");
  expect_number<S>(who, "the learning rate", rate, ranges, &TrainedRange::rate);
}

}  // namespace residual
