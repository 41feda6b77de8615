#pragma once

#include <algorithm>
#include <new>
#include <vector>

#include "residual/core/view.hpp"

namespace residual {

/// Entries of S in 64 bytes: the alignment of everything that is carved for a pass.
template <class S>
inline constexpr Index cache_line = sizeof(S) >= 64 ? 1 : Index(64 / sizeof(S));

/// Temporaries that are given back at the end of their scope, last taken first; taking one may throw std::bad_alloc, giving
/// it back allocates nothing. The memory only grows, so a pass of a size seen before allocates nothing.
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
    /// Copies the numbers of a matrix of the same shape.
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

  /// A matrix whose entries start undefined.
  Temp temp(Index rows, Index cols) { return Temp(*this, rows, cols); }
  /// A matrix of zeros.
  Temp zeros(Index rows, Index cols) { return Temp(*this, rows, cols, S(0)); }

  /// Called after a pass, when nothing is taken: what needed several pieces lies in one from now on, so that the next pass
  /// allocates nothing. Without the memory for it, the next to take a temporary asks again.
  void settle() noexcept {
#ifdef __cpp_exceptions
    try {
      join(peak_);
    } catch (const std::bad_alloc&) {
    }
#else
    join(peak_);
#endif
  }

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

  /// Throws std::bad_alloc, and then holds what was in use and nothing else.
  S* take(Index size) {
    size = padded(size);
    if (in_use_ == 0) join(std::max(peak_, size));
    std::size_t block = block_;
    Index used = used_;
    while (block < blocks_.size() && used + size > blocks_[block].size()) {
      ++block;
      used = 0;
    }
    if (block == blocks_.size()) {
      const auto in_use = std::min(block_ + (used_ > 0 ? 1 : 0), blocks_.size());
      blocks_.erase(blocks_.begin() + std::ptrdiff_t(in_use), blocks_.end());  // free, and all too small
      blocks_.emplace_back(size);
      block = in_use;
      used = 0;
    }
    block_ = block;
    used_ = used + size;
    in_use_ += size;
    peak_ = std::max(peak_, in_use_);
    return blocks_[block].data() + used;
  }
  /// One block of `size` entries or more, while nothing is in use.
  void join(Index size) {
    if (blocks_.size() == 1 && blocks_[0].size() >= size) return;
    blocks_.clear();
    blocks_.emplace_back(size);
  }
  void give_back(std::size_t block, Index used, Index size) {
    block_ = block;
    used_ = used;
    in_use_ -= padded(size);
  }

  std::vector<Column<S>> blocks_;
  std::size_t block_ = 0;
  Index used_ = 0, in_use_ = 0, peak_ = 0;
};

}  // namespace residual
