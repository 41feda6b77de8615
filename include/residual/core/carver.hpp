#pragma once

#include <string>
#include <vector>

#include "residual/core/weight.hpp"

namespace residual {

/// How a tensor of the manifest relates to the tensor of the same name in a PyTorch state_dict.
enum class Layout {
  vector,      ///< [cols], as there
  matrix,      ///< [rows x cols], as there
  transposed,  ///< [rows x cols] here, [cols x rows] there: weights are stored [in x out], which suits x W
};

/// One named tensor within a flat vector: entries offset .. offset + rows * cols, row-major.
struct ManifestEntry {
  std::string name;
  Index offset, rows, cols;
  Layout layout;  ///< how other libraries store it

  Index size() const { return rows * cols; }
  bool operator==(const ManifestEntry&) const = default;
};
/// All tensors of a flat vector in the order of their memory.
using Manifest = std::vector<ManifestEntry>;

/// Walks a tree of views, whose types list their fields once in `carve(Carver&, ...)`: without memory it measures, with
/// memory it binds each view to its piece, with a manifest it writes down the names, with panels it packs the weights.
template <class S>
class Carver {
 public:
  /// `alignment` in entries: every view starts at a multiple of it.
  explicit Carver(S* memory = nullptr, Index alignment = 1, Manifest* manifest = nullptr, S* panels = nullptr)
      : memory_(memory), alignment_(alignment), manifest_(manifest), panels_(panels) {}

  /// The next rows x cols entries are `view`.
  template <class Plain>
  void operator()(const char* name, View<Plain>& view, Index rows, Index cols) {
    add(name, view, rows, cols, int(Plain::RowsAtCompileTime) == 1 ? Layout::vector : Layout::matrix);
  }
  /// The next `size` entries are the row or column `view`.
  template <class Plain>
  void operator()(const char* name, View<Plain>& view, Index size) {
    constexpr bool is_row = int(Plain::RowsAtCompileTime) == 1;
    add(name, view, is_row ? 1 : size, is_row ? size : 1, Layout::vector);
  }
  /// A weight stored [in x out].
  void weight(const char* name, WeightView<S>& view, Index in, Index out) {
    add(name, view, in, out, Layout::transposed);
    if (panels_ != nullptr) gemm::pack<S>(In<S>(view), panels_ + panels_size_);
    view.panels = offset(panels_, panels_size_);
    panels_size_ += gemm::panels_size<S>(in, out);
  }

  /// A subtree, whose names all begin with `prefix`.
  template <class Tree, class... Args>
    requires requires(Tree& tree, Carver& c, const Args&... args) { tree.carve(c, args...); }
  void operator()(const char* prefix, Tree& tree, const Args&... args) {
    const auto length = enter(prefix);
    tree.carve(*this, args...);
    leave(length);
  }
  /// A numbered subtree: its names begin with prefix, number, suffix, as in "layers." 3 ".".
  template <class Tree, class... Args>
  void numbered(const char* prefix, Index number, const char* suffix, Tree& tree, const Args&... args) {
    const auto length = enter(prefix);
    if (manifest_ != nullptr) path_ += std::to_string(number) + suffix;
    tree.carve(*this, args...);
    leave(length);
  }

  /// Calls list() while all names begin with prefix.
  template <class List>
  void within(const char* prefix, List&& list) {
    const auto length = enter(prefix);
    list();
    leave(length);
  }
  /// Calls list() while all names begin with prefix, number, suffix, as in "layers." 3 ".".
  template <class List>
  void within(const char* prefix, Index number, const char* suffix, List&& list) {
    const auto length = enter(prefix);
    if (manifest_ != nullptr) path_ += std::to_string(number) + suffix;
    list();
    leave(length);
  }
  /// The next view lies at entry `size`, perhaps in memory that others have, too.
  void go_to(Index size) { size_ = size; }

  /// Entries needed for all views so far.
  Index size() const { return size_; }
  /// Entries needed for the panels of all weights so far.
  Index panels_size() const { return panels_size_; }

 private:
  template <class V>
  void add(const char* name, V& view, Index rows, Index cols, Layout layout) {
    size_ = (size_ + alignment_ - 1) / alignment_ * alignment_;
    view.bind(memory_ == nullptr ? nullptr : memory_ + size_, rows, cols);
    if (manifest_ != nullptr && rows * cols > 0) manifest_->push_back({path_ + name, size_, rows, cols, layout});
    size_ += rows * cols;
  }
  std::size_t enter(const char* prefix) {
    const auto length = path_.size();
    if (manifest_ != nullptr) path_ += prefix;
    return length;
  }
  void leave(std::size_t length) { path_.resize(length); }

  S* memory_;
  Index alignment_;
  Manifest* manifest_;
  S* panels_;
  std::string path_;
  Index size_ = 0, panels_size_ = 0;
};

}  // namespace residual
