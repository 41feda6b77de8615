#pragma once

#include <algorithm>
#include <vector>

#include "residual/core/view.hpp"

namespace residual {

/// Where in a stack a sub-layer stands: sub-layer `slot` of `slots` in block `block` of `blocks`, all from 0.
struct Site {
  Index block, slot, blocks, slots;

  Index number() const { return block * slots + slot; }  ///< of the sub-layers before it
  Index count() const { return blocks * slots; }         ///< of sub-layers in the stack
  bool is_first() const { return number() == 0; }
  bool is_last() const { return number() + 1 == count(); }
  bool begins_block() const { return slot == 0; }
  bool ends_block() const { return slot + 1 == slots; }
  /// The site n sub-layers before.
  friend Site operator-(Site k, Index n) {
    const Index number = k.number() - n;
    return {number / k.slots, number % k.slots, k.blocks, k.slots};
  }
};

/// One T for every sub-layer, found by its site.
template <class T>
class PerSite {
 public:
  T& operator[](Site k) { return all_[std::size_t(k.number())]; }
  const T& operator[](Site k) const { return all_[std::size_t(k.number())]; }
  /// One for each in a stack of that size, anew unless it had as many.
  void resize(Index blocks, Index slots) {
    const auto size = std::size_t(blocks * slots);
    if (all_.size() != size) all_ = std::vector<T>(size);
  }
  /// The value everywhere.
  void fill(const T& value) { std::fill(all_.begin(), all_.end(), value); }

 private:
  std::vector<T> all_;
};

/// One T for every block, found by any site in it.
template <class T>
class PerBlock {
 public:
  T& operator[](Site k) { return all_[std::size_t(k.block)]; }
  const T& operator[](Site k) const { return all_[std::size_t(k.block)]; }
  /// One for each in a stack of that size, anew unless it had as many.
  void resize(Index blocks, Index) {
    const auto size = std::size_t(blocks);
    if (all_.size() != size) all_ = std::vector<T>(size);
  }

 private:
  std::vector<T> all_;
};

}  // namespace residual
