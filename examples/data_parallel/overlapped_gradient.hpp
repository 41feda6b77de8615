#pragma once

#include <string>
#include <vector>

#include "ordered_sum.hpp"
#include "residual/core/parameters.hpp"
#include "residual/model/observer.hpp"

/// Sums a gradient over all ranks, block by block: backward does the last block first, and as soon as it is done with one,
/// that block's numbers, which follow one another in `flat()`, go on their way while it does the block before.
class OverlappedGradient final : public residual::Observer<double> {
 public:
  /// For a model whose blocks are named "layers.0.", "layers.1.", ...; the gradient keeps its memory.
  template <class Model>
  OverlappedGradient(residual::Parameters<Model>& gradient, const Ranks& ranks)
      : sum_(ranks), data_(gradient.data()), size_(gradient.size()) {
    for (const auto& tensor : gradient.manifest()) {
      if (tensor.name.starts_with("layers." + std::to_string(begins_.size()) + '.')) begins_.push_back(tensor.offset);
    }
  }

  /// Before backward.
  void begin() { summed_from_ = size_; }
  /// After backward: waits until the whole gradient is the sum.
  void finish() {
    sum_from(0);
    sum_.finish();
  }

  void stream_gradients(residual::Site site, const residual::Streams<double>&) override {
    if (site.slot == 0) {
      sum_from(begins_[std::size_t(site.block)]);
    } else {
      sum_.progress();
    }
  }

 private:
  void sum_from(residual::Index begin) {
    sum_.start(summed_from_ - begin, data_ + begin);
    summed_from_ = begin;
  }

  OrderedSum sum_;
  double* data_;
  residual::Index size_, summed_from_ = 0;
  std::vector<residual::Index> begins_;
};
