#pragma once

#include <algorithm>
#include <vector>

#include "residual/core/check.hpp"

namespace residual {

/// Where in a stack a sub-layer stands: sub-layer `slot` of `slots` in block `block` of `blocks`, all from 0.
struct Site {
  Index block;   ///< that it is in, from 0
  Index slot;    ///< its place in the block, from 0
  Index blocks;  ///< of the stack
  Index slots;   ///< sub-layers of a block

  Index number() const { return block * slots + slot; }  ///< of the sub-layers before it
  Index count() const { return blocks * slots; }         ///< of sub-layers in the stack
  bool is_first() const { return number() == 0; }        ///< of the stack
  bool begins_block() const { return slot == 0; }        ///< whether it is its block's first
  bool ends_block() const { return slot + 1 == slots; }  ///< whether it is its block's last
  /// The site n sub-layers before, of which there must be as many.
  friend Site operator-(Site k, Index n) {
    const Index number = k.number() - n;
    return {number / k.slots, number % k.slots, k.blocks, k.slots};
  }
};

/// Throws when a field of a scheme has no entry `i`, since nobody listed it.
inline std::size_t listed_entry(Index i, std::size_t size) {
  expect(std::size_t(i) < size, "A field of the residual scheme was asked for its entry ", i, ", but has ", size,
         "; list the field in Params::carve or Tape::carve.");
  return std::size_t(i);
}

/// One T for every sub-layer, found by its site. Throws when it was not listed.
template <class T>
class PerSite {
 public:
  T& operator[](Site k) { return all_[checked(k)]; }
  const T& operator[](Site k) const { return all_[checked(k)]; }
  /// One for each in a stack of that size, anew unless it had as many.
  void resize(Index blocks, Index slots) {
    const auto size = std::size_t(blocks * slots);
    if (all_.size() != size) all_ = std::vector<T>(size);
  }
  /// The value everywhere.
  void fill(const T& value) { std::fill(all_.begin(), all_.end(), value); }

 private:
  std::size_t checked(Site k) const { return listed_entry(k.number(), all_.size()); }
  std::vector<T> all_;
};

/// One T for every block, found by any site in it. Throws when it was not listed.
template <class T>
class PerBlock {
 public:
  T& operator[](Site k) { return all_[checked(k)]; }
  const T& operator[](Site k) const { return all_[checked(k)]; }
  /// One for each in a stack of that size, anew unless it had as many.
  void resize(Index blocks, Index) {
    const auto size = std::size_t(blocks);
    if (all_.size() != size) all_ = std::vector<T>(size);
  }

 private:
  std::size_t checked(Site k) const { return listed_entry(k.block, all_.size()); }
  std::vector<T> all_;
};

}  // namespace residual
