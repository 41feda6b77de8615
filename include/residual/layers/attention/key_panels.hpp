#pragma once

#include "residual/kernel/panels.hpp"
#include "residual/layers/attention/heads.hpp"
#include "residual/layers/pass.hpp"

namespace residual {

/// The keys or the values of one head as a factor of products, or their transpose: in their own memory, or in panels, which
/// many queries read, one block of keys after the other.
template <class S>
class KeyPanels {
 public:
  static constexpr Index block = 1536 / sizeof(S);  ///< keys that are packed together

  /// Entries of the panels of so many keys.
  static Index size(Index keys, Index head_dim) { return gemm::panels_size<S>(1, keys) * width(head_dim); }

  /// All keys of a head, one a row, and where their panels lie; nullptr: they have none.
  KeyPanels(In<S> keys, bool transposed, S* panels) : keys_(keys), transposed_(transposed), panels_(panels) {}
  /// Writes the panels of the block that begins with key `begin`.
  void pack(Index begin) const { gemm::pack(whole(begin), at(begin)); }
  /// Writes the panels of all blocks.
  void pack() const {
    for (Index begin = 0; begin < keys_.rows(); begin += block) pack(begin);
  }
  /// The keys begin .. begin + count; in panels `begin` must be a block's first key and `count` no more than its keys.
  Factor<S> part(Index begin, Index count) const {
    if (panels_ == nullptr) return rows(begin, count);
    const Factor<S> all = gemm::in_panels(whole(begin), at(begin));
    return transposed_ ? all.first(all.rows, count) : all.first(count, all.cols);
  }
  /// What `part` shows, in its own memory and not transposed.
  In<S> keys(Index begin, Index count) const { return keys_.rows_from(begin, count); }

 private:
  /// Columns of a head in panels.
  static Index width(Index head_dim) { return gemm::panels_size<S>(1, head_dim); }
  Factor<S> rows(Index begin, Index count) const {
    const Factor<S> some = keys(begin, count);
    return transposed_ ? some.transpose() : some;
  }
  Factor<S> whole(Index begin) const { return rows(begin, std::min(block, keys_.rows() - begin)); }
  S* at(Index begin) const { return panels_ + begin * width(keys_.cols()); }

  In<S> keys_;
  bool transposed_;
  S* panels_;
};

}  // namespace residual
