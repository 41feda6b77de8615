#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "residual/core/carver.hpp"
#include "residual/core/fnv1a.hpp"
#include "residual/core/large_pages.hpp"
#include "residual/core/named_tensor.hpp"

namespace residual {

/// See parameter_groups.hpp.
class ParameterGroups;

/// One flat vector and the tree of named views into it: a model's weights, their gradient, an Adam moment, a running
/// average are all objects of this type, and arithmetic on them is arithmetic on `flat()`.
template <class Model>
class Parameters {
 public:
  using Scalar = typename Model::Scalar;
  /// The views by their fields.
  using Tree = typename Model::Params;

  /// Zeros in the shape of the model's parameters.
  explicit Parameters(const Model& model);
  /// Zeros for the gradient of what `groups` trains: a weight or a table of embeddings of which they train no part has no
  /// view, so that backward leaves its gradient out, and 0 in flat(). Throws when the groups are of another model.
  template <std::same_as<ParameterGroups> Groups>
  Parameters(const Model& model, const Groups& groups);
  /// A copy of the numbers, with views of its own.
  Parameters(const Parameters& other)
      : model_(other.model_),
        memory_(other.memory_),
        manifest_(other.manifest_),
        without_(other.without_),
        fingerprint_(other.fingerprint_) {
    carve();
  }
  /// Takes the numbers; what was moved from may only be assigned to or destroyed.
  Parameters(Parameters&& other) noexcept
      : model_(std::move(other.model_)),
        memory_(std::move(other.memory_)),
        manifest_(std::move(other.manifest_)),
        without_(std::move(other.without_)),
        fingerprint_(other.fingerprint_),
        tree_(std::move(other.tree_)) {}
  /// Takes the other's shape as well as its numbers.
  Parameters& operator=(Parameters other) noexcept {
    model_ = std::move(other.model_);
    memory_ = std::move(other.memory_);
    manifest_ = std::move(other.manifest_);
    without_ = std::move(other.without_);
    fingerprint_ = other.fingerprint_;
    std::destroy_at(&tree_);  // views are not assigned to: that would write numbers
    std::construct_at(&tree_, std::move(other.tree_));
    return *this;
  }
  ~Parameters() = default;

  /// All numbers in one vector, to compute with; its length is the number of parameters.
  Eigen::Map<Column<Scalar>> flat() { return {memory_.data(), memory_.size()}; }
  /// All numbers in one vector, to read.
  Eigen::Map<const Column<Scalar>> flat() const { return {memory_.data(), memory_.size()}; }
  /// The first number, to write.
  Scalar* data() { return memory_.data(); }
  /// The first number, to read.
  const Scalar* data() const { return memory_.data(); }
  /// How many numbers there are.
  Index size() const { return memory_.size(); }

  /// The numbers by their fields, to read and write.
  Tree& operator*() { return tree_; }
  /// The numbers by their fields, to read.
  const Tree& operator*() const { return tree_; }
  /// A field of that tree: theta->layers.
  Tree* operator->() { return &tree_; }
  /// A field of that tree, to read.
  const Tree* operator->() const { return &tree_; }

  /// The tensor of that name in the manifest, to read and write: theta["layers.0.linear1.weight"](3, 5), and
  /// theta["layers.0.self_attn.in_proj_weight"].part("k"). Throws, with the closest names, when there is none.
  NamedTensor<Out<Scalar>> operator[](std::string_view name);
  /// The tensor of that name in the manifest, to read; throws, with the closest names, when there is none.
  NamedTensor<In<Scalar>> operator[](std::string_view name) const;

  /// The model that they belong to.
  const Model& model() const { return model_; }
  /// What each tensor in `flat()` is: name, shape, offset, role, parts, start.
  const Manifest& manifest() const& { return *manifest_; }
  /// What each tensor was, of parameters that end here.
  Manifest manifest() && { return *manifest_; }
  /// What each tensor of a model would be, without memory for its numbers. Throws when the model cannot be.
  static Manifest manifest(const Model& model);
  /// Whether the entry of flat() at this place belongs to a tensor with a view.
  bool has_view(Index place) const {
    const auto behind = std::upper_bound(manifest_->begin(), manifest_->end(), place,
                                         [](Index at, const ManifestEntry& tensor) { return at < tensor.offset; });
    return !std::binary_search(without_.begin(), without_.end(), std::prev(behind)->offset);
  }
  /// Throws unless every tensor has a view, as a model needs that is run with them.
  void expect_every_view(const char* who) const {
    expect(without_.empty(), who, ": the parameters were made for groups, as a gradient without ", without_.size(),
           " frozen weights and tables; run the model with Parameters(model).");
  }
  /// Equal for models whose parameters have the same names and shapes.
  std::uint64_t fingerprint() const { return fingerprint_; }
  /// The fingerprint of a model's parameters.
  static std::uint64_t fingerprint(const Model& model) { return fingerprint_of(manifest(model)); }

 private:
  static std::uint64_t fingerprint_of(const Manifest& manifest) {
    Fnv1a fnv;
    for (const auto& entry : manifest) {
      for (const char c : entry.name) fnv.add(std::uint64_t(c));
      fnv.add(std::uint64_t(entry.rows));
      fnv.add(std::uint64_t(entry.cols));
    }
    return fnv.hash;
  }
  void carve();

  static_assert(std::is_nothrow_move_constructible_v<Tree>, "A tree of views moves without an exception.");
  Model model_;
  Column<Scalar> memory_;
  std::shared_ptr<const Manifest> manifest_;  // copies have the same
  std::vector<Index> without_;                // where tensors without a view begin, in order
  std::uint64_t fingerprint_;
  Tree tree_;
};

// Not inline, so that extern templates spare their users all that these instantiate: see precompiled.hpp.

/// Measures the tree, then binds it to as many zeros.
template <class Model>
Parameters<Model>::Parameters(const Model& model)
    : model_(model),
      manifest_(std::make_shared<const Manifest>(manifest(model))),
      fingerprint_(fingerprint_of(*manifest_)) {
  Carver<Scalar> measure;
  tree_.carve(measure, model_);
  memory_.resize(measure.size());
  prefer_large_pages(memory_);
  memory_.setZero();
  carve();
}
/// Binds the tree once more, without what is frozen whole.
template <class Model>
template <std::same_as<ParameterGroups> Groups>
Parameters<Model>::Parameters(const Model& model, const Groups& groups) : Parameters(model) {
  groups.expect_manifest("Parameters", *manifest_);
  without_ = groups.frozen();
  carve();
}
/// A window to write through.
template <class Model>
NamedTensor<Out<typename Model::Scalar>> Parameters<Model>::operator[](std::string_view name) {
  const ManifestEntry& entry = find_tensor(*manifest_, name);
  return {Out<Scalar>(data() + entry.offset, entry.rows, entry.cols, entry.cols), entry};
}
/// A window to read.
template <class Model>
NamedTensor<In<typename Model::Scalar>> Parameters<Model>::operator[](std::string_view name) const {
  const ManifestEntry& entry = find_tensor(*manifest_, name);
  return {In<Scalar>(data() + entry.offset, entry.rows, entry.cols, entry.cols), entry};
}
/// Walks the tree without memory.
template <class Model>
Manifest Parameters<Model>::manifest(const Model& model) {
  if constexpr (requires { model.check(); }) model.check();
  Manifest manifest;
  Tree tree;
  Carver<Scalar> name(nullptr, 1, &manifest);
  tree.carve(name, model);
  return manifest;
}
/// Binds the tree to the memory.
template <class Model>
void Parameters<Model>::carve() {
  Carver<Scalar> bind(memory_.data(), 1, nullptr, nullptr, &without_);
  tree_.carve(bind, model_);
}

}  // namespace residual
