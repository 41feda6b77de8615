#pragma once

#include "residual/core/check.hpp"

namespace residual {

/// Numbers that are added to attention's logits, -infinity hides: a matrix [n x m], one row a query and one column a key,
/// for all sequences and heads. It may differ by sequence, by head or both: then the matrices are stacked, those of
/// sequence 0 first, and in each sequence those of its heads one below the other.
template <class S>
struct Mask {
  In<S> added = {};          ///< empty: no mask
  bool by_sequence = false;  ///< whether there is a matrix for each sequence
  bool by_head = false;      ///< whether there is a matrix for each head

  Mask() = default;
  /// A window on somebody's matrix.
  template <std::convertible_to<In<S>> M>
  Mask(const M& m, bool differs_by_sequence = false, bool differs_by_head = false)
      : added(m), by_sequence(differs_by_sequence), by_head(differs_by_head) {}

  Index size() const { return added.size(); }
  /// From now on it is what the other is.
  void show(const Mask& other) {
    added.show(other.added);
    by_sequence = other.by_sequence, by_head = other.by_head;
  }
  /// Matrices in the stack.
  Index count(Index sequences, Index heads) const { return (by_sequence ? sequences : 1) * (by_head ? heads : 1); }
  /// The matrix of a head of a sequence.
  In<S> of(Index sequence, Index sequences, Index head, Index heads) const {
    const Index rows = added.rows() / std::max<Index>(count(sequences, heads), 1);
    const Index number = (by_sequence ? sequence : 0) * (by_head ? heads : 1) + (by_head ? head : 0);
    return added.rows_from(number * rows, rows);
  }
};

}  // namespace residual
