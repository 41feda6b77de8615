#pragma once

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/manifest.hpp"
#include "residual/core/weight_view.hpp"

namespace residual {

/// Walks a tree of views, whose types list their fields once in `carve(Carver&, ...)`: without memory it measures, with
/// memory it binds each view to its piece, with a manifest it writes down what each tensor is.
template <class S>
class Carver {
 public:
  /// `alignment` in entries: every view starts at a multiple of it. `weights` gathers the weights that it comes by. Weights
  /// and tables that begin at one of the places `without`, in order, get no memory.
  explicit Carver(S* memory = nullptr, Index alignment = 1, Manifest* manifest = nullptr,
                  std::vector<WeightView<S>*>* weights = nullptr, const std::vector<Index>* without = nullptr)
      : memory_(memory), alignment_(alignment), manifest_(manifest), weights_(weights), without_(without) {}

  /// The next rows x cols entries are `view`; among parameters they begin as `start` says, whatever rule draws the rest.
  template <class Plain>
  RESIDUAL_NOINLINE void operator()(const char* name, View<Plain>& view, Index rows, Index cols,
                                    const Start& start = starts::zeros()) {
    const auto layout = int(Plain::RowsAtCompileTime) == 1 ? Layout::vector : Layout::matrix;
    if (auto* entry = add(name, view, rows, cols, layout, Role::own)) entry->start = start;
  }
  /// The next `size` entries are the row or column `view`; among parameters they begin as `start` says.
  template <class Plain>
  RESIDUAL_NOINLINE void operator()(const char* name, View<Plain>& view, Index size,
                                    const Start& start = starts::zeros()) {
    constexpr bool is_row = int(Plain::RowsAtCompileTime) == 1;
    auto* entry = add(name, view, is_row ? 1 : size, is_row ? size : 1, Layout::vector, Role::own);
    if (entry != nullptr) entry->start = start;
  }

  /// The weight of a linear map, stored [in x out].
  void weight(const char* name, WeightView<S>& view, Index in, Index out, Projection projection = Projection::general) {
    weight(name, view, in, {{"", out, projection}});
  }
  /// The weight of a linear map whose outputs have these parts, side by side:
  ///
  ///     c.weight("in_proj_weight", W, in, {{"q", d, Projection::query}, {"k", d, Projection::key}, {"v", d, ...}});
  RESIDUAL_NOINLINE void weight(const char* name, WeightView<S>& view, Index in,
                                std::initializer_list<TensorPart> parts) {
    const Index out = total(parts);
    if (auto* entry = add(name, view, in, out, Layout::transposed, Role::weight)) say_map(*entry, parts, in);
    view.panels = nullptr;
    if (weights_ != nullptr) weights_->push_back(&view);
  }
  /// The bias of a linear map of `fan_in` inputs; of size 0 where the map has none.
  void bias(const char* name, RowView<S>& view, Index size, Index fan_in, Projection projection = Projection::general) {
    bias(name, view, {{"", size, projection}}, fan_in);
  }
  /// The bias of a linear map of `fan_in` inputs whose outputs have these parts; of size 0 without any.
  RESIDUAL_NOINLINE void bias(const char* name, RowView<S>& view, std::initializer_list<TensorPart> parts,
                              Index fan_in) {
    if (auto* entry = add(name, view, 1, total(parts), Layout::vector, Role::bias)) say_map(*entry, parts, fan_in);
  }
  /// A table of embeddings, one a row.
  void table(const char* name, TokensView<S>& view, Index rows, Index cols) {
    if (auto* entry = add(name, view, rows, cols, Layout::matrix, Role::embedding)) say_map(*entry, {{"", cols}}, 0);
  }

  /// A subtree, whose names all begin with `prefix`.
  template <class Tree, class... Args>
    requires requires(Tree& tree, Carver& c, const Args&... args) { tree.carve(c, args...); }
  void operator()(const char* prefix, Tree& tree, const Args&... args) {
    const auto length = enter(prefix);
    tree.carve(*this, args...);
    leave(length);
  }
  /// Whatever list() adds: its names begin with prefix.
  template <class List>
  void within(const char* prefix, List&& list) {
    const auto length = enter(prefix);
    list();
    leave(length);
  }
  /// Whatever list() adds: its names begin with prefix, number, suffix.
  template <class List>
  void within(const char* prefix, Index number, const char* suffix, List&& list) {
    const auto length = enter(prefix, number, suffix);
    list();
    leave(length);
  }

  /// The next view starts at entry `place`, or the next aligned one, in memory that earlier views may have too.
  void go_to(Index place) { next_ = place; }

  /// Entries needed for all views so far.
  Index size() const { return size_; }

 private:
  /// Binds the view; returns its entry in the manifest, or nullptr where it is not listed. Throws where all views together
  /// have more bytes than a memory can.
  template <class V>
  RESIDUAL_NOINLINE ManifestEntry* add(const char* name, V& view, Index rows, Index cols, Layout layout, Role role) {
    constexpr Index most = std::numeric_limits<Index>::max() / 2 / Index(sizeof(S));
    const Index begin = (next_ + alignment_ - 1) / alignment_ * alignment_;
    // In double, which does not overflow; that it rounds is nothing beside half of all addresses.
    expect(rows >= 0 && cols >= 0 && double(begin) + double(rows) * double(cols) <= double(most), "The tensor ", path_,
           name, " is [", rows, " x ", cols, "] behind ", begin, " numbers, but no memory holds more than ", most,
           " numbers; make the model or the batch smaller.");
    view.bind(memory_ == nullptr || leaves_out(begin, role) ? nullptr : memory_ + begin, rows, cols);
    next_ = begin + rows * cols;
    size_ = std::max(size_, next_);
    if (manifest_ == nullptr || rows * cols == 0) return nullptr;
    manifest_->push_back({path_ + name, begin, rows, cols, layout, role});
    return &manifest_->back();
  }
  bool leaves_out(Index begin, Role role) const {
    return without_ != nullptr && (role == Role::weight || role == Role::embedding) &&
           std::binary_search(without_->begin(), without_->end(), begin);
  }
  static Index total(std::initializer_list<TensorPart> parts) {
    Index size = 0;
    for (const TensorPart& part : parts) size += part.size;
    return size;
  }
  RESIDUAL_NOINLINE static void say_map(ManifestEntry& entry, std::initializer_list<TensorPart> parts, Index fan_in) {
    entry.fan_in = fan_in;
    Index begin = 0;
    for (TensorPart part : parts) {
      part.begin = std::exchange(begin, begin + part.size);
      entry.parts.push_back(std::move(part));
    }
  }
  RESIDUAL_NOINLINE std::size_t enter(const char* prefix) {
    const auto length = path_.size();
    if (manifest_ != nullptr) path_ += prefix;
    return length;
  }
  RESIDUAL_NOINLINE std::size_t enter(const char* prefix, Index number, const char* suffix) {
    const auto length = enter(prefix);
    if (manifest_ != nullptr) (path_ += std::to_string(number)) += suffix;
    return length;
  }
  RESIDUAL_NOINLINE void leave(std::size_t length) { path_.erase(length); }

  S* memory_;
  Index alignment_;
  Manifest* manifest_;
  std::vector<WeightView<S>*>* weights_;
  const std::vector<Index>* without_;
  std::string path_;
  Index next_ = 0, size_ = 0;
};

}  // namespace residual
