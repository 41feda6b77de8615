#pragma once

#include <algorithm>
#include <vector>

#include "residual/core/view.hpp"

namespace residual {

/// Entries of S in 64 bytes: the alignment of everything that is carved for a pass.
template <class S>
inline constexpr Index cache_line = sizeof(S) >= 64 ? 1 : Index(64 / sizeof(S));

/// Temporaries that are given back at the end of their scope, last taken first. The memory only grows, so a pass of a
/// size seen before allocates nothing.
template <class S>
class Workspace {
 public:
  /// A matrix that lives until the end of its scope.
  class Temp : public Eigen::Map<Tokens<S>> {
   public:
    using Base = Eigen::Map<Tokens<S>>;
    using Base::operator=;

    /// Entries start undefined.
    Temp(Workspace& workspace, Index rows, Index cols)
        : Base(nullptr, rows, cols), workspace_(workspace), block_(workspace.block_), used_(workspace.used_) {
      new (static_cast<Base*>(this)) Base(workspace.take(rows * cols), rows, cols);
    }
    /// Every entry is `value`.
    Temp(Workspace& workspace, Index rows, Index cols, S value) : Temp(workspace, rows, cols) {
      this->setConstant(value);
    }
    Temp(const Temp&) = delete;
    Temp& operator=(const Temp& other) {
      Base::operator=(other);
      return *this;
    }
    ~Temp() { workspace_.give_back(block_, used_, this->size()); }

   private:
    Workspace& workspace_;
    std::size_t block_;
    Index used_;
  };

  Temp temp(Index rows, Index cols) { return Temp(*this, rows, cols); }
  Temp zeros(Index rows, Index cols) { return Temp(*this, rows, cols, S(0)); }

  /// Entries held, used or not.
  Index capacity() const {
    Index total = 0;
    for (const auto& block : blocks_) total += block.size();
    return total;
  }
  /// Writes `value` over everything held while nothing is taken: with NaN it shows who reads what nobody wrote.
  void fill(S value) {
    for (auto& block : blocks_) block.setConstant(value);
  }

 private:
  static Index padded(Index size) { return (size + cache_line<S> - 1) / cache_line<S> * cache_line<S>; }

  S* take(Index size) {
    size = padded(size);
    while (block_ < blocks_.size() && used_ + size > blocks_[block_].size()) {
      ++block_;
      used_ = 0;
    }
    if (block_ == blocks_.size()) blocks_.emplace_back(size);
    S* data = blocks_[block_].data() + used_;
    used_ += size;
    in_use_ += size;
    peak_ = std::max(peak_, in_use_);
    return data;
  }
  void give_back(std::size_t block, Index used, Index size) {
    block_ = block;
    used_ = used;
    in_use_ -= padded(size);
    if (in_use_ == 0 && blocks_.size() > 1) {  // the next pass finds all of it in one piece
      blocks_.clear();
      blocks_.emplace_back(peak_);
    }
  }

  std::vector<Column<S>> blocks_;
  std::size_t block_ = 0;
  Index used_ = 0, in_use_ = 0, peak_ = 0;
};

}  // namespace residual
