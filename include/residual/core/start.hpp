#pragma once

#include "residual/core/view.hpp"

namespace residual {

/// How a tensor with a starting value of its own begins: entry(row, col, value) at each place, where a vector's entries
/// are those of row 0; and whether weight decay pulls at it.
struct Start {
  double (*entry)(Index row, Index col, double value);  ///< gives the starting value of a place
  double value = 0;                                     ///< what `entry` is called with
  bool decays = false;                                  ///< whether weight decay pulls at it

  /// With weight decay.
  Start decaying() const { return {entry, value, true}; }
  bool operator==(const Start&) const = default;
};

/// The usual starting values, without weight decay unless `decaying()` follows.
namespace starts {

/// `value` everywhere.
inline Start at(double value) {
  return {[](Index, Index, double v) { return v; }, value};
}
/// 0 everywhere.
inline Start zeros() { return at(0); }
/// 1 everywhere.
inline Start ones() { return at(1); }
/// 1 on the diagonal, else 0.
inline Start identity() {
  return {[](Index row, Index col, double) { return row == col ? 1.0 : 0.0; }};
}
/// 1 in the column `place`, which is the entry `place` of a vector, else 0.
inline Start one_hot(Index place) {
  return {[](Index, Index col, double p) { return col == Index(p) ? 1.0 : 0.0; }, double(place)};
}

}  // namespace starts
}  // namespace residual
