#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "residual/core/part.hpp"
#include "residual/core/pattern.hpp"

namespace residual {

/// Some parts of a model's parameters: those of the tensors whose names fit a pattern, in which each * stands for any text,
/// or those for which a callable bool(const Part&) says so.
///
///     "layers.0.*"      parts::attention      [](const Part& part) { return part.projection == Projection::value; }
class Selection {
 public:
  /// By the tensor's name.
  Selection(std::string pattern)
      : text_('"' + pattern + '"'), chooses_([pattern = std::move(pattern)](const Part& part) {
          return detail::match(pattern, part.tensor.name).has_value();
        }) {}
  /// By the tensor's name.
  Selection(const char* pattern) : Selection(std::string(pattern)) {}
  /// By a predicate.
  template <class F>
    requires(std::is_invocable_r_v<bool, const F&, const Part&>)
  Selection(F chooses) : text_("the given predicate"), chooses_(std::move(chooses)) {}

  /// Whether the part is one of them.
  bool operator()(const Part& part) const { return chooses_(part); }
  /// What it goes by, for sentences.
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::function<bool(const Part&)> chooses_;
};

/// Predicates for a Selection.
namespace parts {

/// Everything.
inline bool all(const Part&) { return true; }
/// Weights of linear maps.
inline bool weights(const Part& part) { return part.role() == Role::weight; }
/// Biases of linear maps.
inline bool biases(const Part& part) { return part.role() == Role::bias; }
/// Tables of embeddings.
inline bool embeddings(const Part& part) { return part.role() == Role::embedding; }
/// Norms, and what schemes and layers own beside their linear maps.
inline bool own(const Part& part) { return part.role() == Role::own; }
/// Weights and biases of attention.
inline bool attention(const Part& part) {
  const Projection p = part.projection;
  return p == Projection::query || p == Projection::key || p == Projection::value || p == Projection::output;
}
/// Weights and biases of feed-forward layers.
inline bool feed_forward(const Part& part) {
  const Projection p = part.projection;
  return p == Projection::up || p == Projection::gate || p == Projection::down;
}

}  // namespace parts
}  // namespace residual
