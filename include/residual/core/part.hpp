#pragma once

#include "residual/core/manifest.hpp"

namespace residual {

/// A part of a tensor's columns, what rules and selections are asked about: in_proj has the parts q, k and v; everything
/// else of this library has one, without a name.
struct Part {
  const ManifestEntry& tensor;  ///< that it is a part of
  std::string_view name;        ///< of the part
  Projection projection;        ///< the linear map that it belongs to
  Index begin, cols;            ///< of the tensor's columns
  Index fan_in, fan_out;        ///< of the part as a linear map of its own, 0 for what belongs to none
  Index whole_fan_out;          ///< of the linear map that it is a part of, 0 for what belongs to none

  /// A part of the tensor.
  Part(const ManifestEntry& entry, const TensorPart& part)
      : tensor(entry),
        name(part.name),
        projection(part.projection),
        begin(part.begin),
        cols(part.size),
        fan_in(entry.fan_in),
        fan_out(entry.role == Role::weight || entry.role == Role::bias ? part.size : 0),
        whole_fan_out(entry.role == Role::weight || entry.role == Role::bias ? entry.cols : 0) {}

  /// What the tensor is.
  Role role() const { return tensor.role; }
};

/// Calls visit(part) with each part of the tensor in order; one that lists none is its own part.
template <class Visit>
void each_part(const ManifestEntry& tensor, Visit&& visit) {
  if (tensor.parts.empty()) {
    const Index cols = tensor.layout == Layout::vector ? tensor.size() : tensor.cols;
    return visit(Part(tensor, TensorPart{"", cols}));
  }
  for (const TensorPart& part : tensor.parts) visit(Part(tensor, part));
}

}  // namespace residual
