#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "ranks.hpp"
#include "residual/core/parameter_groups.hpp"
#include "residual/wiring/observer.hpp"

/// Sums the gradient of what is trained over all ranks, block by block: backward does the last block first, and as soon as
/// a block's own gradient is complete, its numbers, which follow one another in `flat()`, go on their way while it does the
/// block before. What belongs to no block, embeddings among it, is complete only when backward returns, and goes last.
template <class S>
class OverlappedGradient final : public residual::Observer<S> {
 public:
  /// For a model whose blocks are named "layers.0.", "layers.1.", ..., in each stack, and whose stacks lie in `flat()` in the
  /// order of forward. The gradient keeps its memory.
  template <class Model>
  OverlappedGradient(residual::Parameters<Model>& gradient, const residual::ParameterGroups& groups, const Ranks& ranks)
      : sum_(ranks), data_(gradient.data()) {
    std::string last = "none";
    for (const auto& tensor : gradient.manifest()) {
      const std::string block = block_of(tensor.name);
      auto& runs = block.empty() ? others_ : blocks_;
      if (block != last) runs.push_back({tensor.offset, tensor.offset});
      runs.back().end = tensor.offset + tensor.size();
      last = block;
    }
    for (const residual::TrainedRange& range : groups.ranges()) {
      if (trained_.empty() || trained_.back().end != range.begin) trained_.push_back({range.begin, range.begin});
      trained_.back().end = range.begin + range.size;
    }
  }

  /// After backward: waits until the whole gradient is the sum. Throws when backward told of other blocks than the names.
  void epilogue() {
    residual::expect(told_ == blocks_.size(), "OverlappedGradient: by their names the tensors are in ", blocks_.size(),
                     " blocks, but backward told of ", told_, "; give it to the tape of the gradient's own model.");
    for (const Run& run : others_) start(run);
    sum_.epilogue();
    told_ = 0;
  }

  /// The blocks come from the last to the first, whichever stack they are in.
  void block_gradient(residual::Index) override {
    if (++told_ <= blocks_.size()) start(blocks_[blocks_.size() - told_]);
  }
  void branch_gradient(residual::Site, residual::In<S>) override { sum_.progress(); }

 private:
  /// Entries begin .. end of the gradient.
  struct Run {
    residual::Index begin, end;
  };

  /// What the names of a block's tensors begin with, as "decoder.layers.2."; empty: the tensor is in no block.
  static std::string block_of(const std::string& name) {
    const std::string layers = "layers.";
    const auto at = name.find(layers);
    if (at == std::string::npos || (at > 0 && name[at - 1] != '.')) return "";
    return name.substr(0, name.find('.', at + layers.size()) + 1);
  }
  /// Sums what is trained of the run.
  void start(const Run& run) {
    for (const Run& trained : trained_) {
      const residual::Index first = std::max(run.begin, trained.begin), last = std::min(run.end, trained.end);
      if (first < last) sum_.start(last - first, data_ + first);
    }
  }

  OrderedSum<S> sum_;
  S* data_;
  std::vector<Run> blocks_, others_, trained_;  ///< each in the order of `flat()`
  std::size_t told_ = 0;                        ///< blocks whose gradient is complete
};
