#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "residual/core/carver.hpp"

namespace residual {

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
  /// A copy of the numbers, with views of its own.
  Parameters(const Parameters& other) : model_(other.model_), memory_(other.memory_), fingerprint_(other.fingerprint_) {
    carve();
  }
  /// Takes the numbers; what was moved from may only be assigned to or destroyed.
  Parameters(Parameters&& other) noexcept
      : model_(std::move(other.model_)),
        memory_(std::move(other.memory_)),
        fingerprint_(other.fingerprint_),
        tree_(std::move(other.tree_)) {}
  /// Takes the other's shape as well as its numbers.
  Parameters& operator=(Parameters other) noexcept {
    model_ = std::move(other.model_);
    memory_ = std::move(other.memory_);
    fingerprint_ = other.fingerprint_;
    std::destroy_at(&tree_);  // views are not assigned to: that would write numbers
    std::construct_at(&tree_, std::move(other.tree_));
    return *this;
  }
  ~Parameters() = default;

  /// All numbers in one vector, to compute with; its length is the number of parameters.
  Eigen::Map<Column<Scalar>> flat() { return {memory_.data(), memory_.size()}; }
  /// The same, to read.
  Eigen::Map<const Column<Scalar>> flat() const { return {memory_.data(), memory_.size()}; }
  Scalar* data() { return memory_.data(); }
  const Scalar* data() const { return memory_.data(); }
  Index size() const { return memory_.size(); }

  /// The same numbers by their fields.
  Tree& operator*() { return tree_; }
  /// The same, to read.
  const Tree& operator*() const { return tree_; }
  /// A field of that tree.
  Tree* operator->() { return &tree_; }
  /// The same, to read.
  const Tree* operator->() const { return &tree_; }

  const Model& model() const { return model_; }
  /// Names, shapes and offsets of all tensors in `flat()`.
  Manifest manifest() const { return manifest(model_); }
  /// The same of a model, without memory for its numbers.
  static Manifest manifest(const Model& model);
  /// Equal for models whose parameters have the same names and shapes.
  std::uint64_t fingerprint() const { return fingerprint_; }
  /// The same of a model.
  static std::uint64_t fingerprint(const Model& model) {
    std::uint64_t hash = 14695981039346656037u;  // FNV-1a
    const auto add = [&](std::uint64_t value) { hash = (hash ^ value) * 1099511628211u; };
    for (const auto& entry : manifest(model)) {
      for (const char c : entry.name) add(std::uint64_t(c));
      add(std::uint64_t(entry.rows));
      add(std::uint64_t(entry.cols));
    }
    return hash;
  }

 private:
  void carve();

  static_assert(std::is_nothrow_move_constructible_v<Tree>, "A tree of views moves without an exception.");
  Model model_;
  Column<Scalar> memory_;
  std::uint64_t fingerprint_;
  Tree tree_;
};

// Not inline, so that extern templates spare their users all that these instantiate: see precompiled.hpp.
template <class Model>
Parameters<Model>::Parameters(const Model& model) : model_(model), fingerprint_(fingerprint(model)) {
  Carver<Scalar> measure;
  tree_.carve(measure, model_);
  memory_.setZero(measure.size());
  carve();
}
template <class Model>
Manifest Parameters<Model>::manifest(const Model& model) {
  Manifest manifest;
  Tree tree;
  Carver<Scalar> name(nullptr, 1, &manifest);
  tree.carve(name, model);
  return manifest;
}
template <class Model>
void Parameters<Model>::carve() {
  Carver<Scalar> bind(memory_.data());
  tree_.carve(bind, model_);
}

}  // namespace residual
