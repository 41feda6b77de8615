#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ordered_sum.hpp"
#include "residual/core/parameter_groups.hpp"
#include "residual/wiring/observer.hpp"

/// Sums the gradient of what is trained over all ranks, block by block: backward does the last block first, and as soon as
/// a block's own gradient is complete, its numbers, which follow one another in `flat()`, go on their way while it does the
/// block before. What stands in front of the blocks and behind them is complete only when backward returns, and goes last.
class OverlappedGradient final : public residual::Observer<double> {
 public:
  /// For a model whose blocks are named "layers.0.", "layers.1.", ...; the gradient keeps its memory, the groups stay.
  template <class Model>
  OverlappedGradient(residual::Parameters<Model>& gradient, const residual::ParameterGroups& groups, const Ranks& ranks)
      : sum_(ranks), groups_(groups), data_(gradient.data()), size_(gradient.size()) {
    for (const auto& tensor : gradient.manifest()) {
      if (tensor.name.starts_with("layers." + std::to_string(blocks_.size()) + '.'))
        blocks_.emplace_back(tensor.offset, 0);
      if (tensor.name.starts_with("layers.")) blocks_.back().second = tensor.offset + tensor.size();
    }
  }

  /// After backward: waits until the whole gradient is the sum.
  void epilogue() {
    const residual::Index first = blocks_.empty() ? size_ : blocks_.front().first;
    const residual::Index last = blocks_.empty() ? size_ : blocks_.back().second;
    start(last, size_);
    start(0, first);
    sum_.epilogue();
  }

  void block_gradient(residual::Index block) override {
    const auto [begin, end] = blocks_[std::size_t(block)];
    start(begin, end);
  }
  void branch_gradient(residual::Site, residual::In<double>) override { sum_.progress(); }

 private:
  /// Sums what is trained of the entries begin .. end.
  void start(residual::Index begin, residual::Index end) {
    for (const residual::TrainedRange& range : groups_.ranges()) {
      const residual::Index first = std::max(begin, range.begin), last = std::min(end, range.begin + range.size);
      if (first < last) sum_.start(last - first, data_ + first);
    }
  }

  OrderedSum sum_;
  const residual::ParameterGroups& groups_;
  double* data_;
  residual::Index size_;
  std::vector<std::pair<residual::Index, residual::Index>> blocks_;  ///< where each begins and ends
};
