#pragma once

#include "residual/core/manifest.hpp"

namespace residual {

/// What initialise asks a rule and a gain about: a part of a weight's, a bias's or an embedding's columns. in_proj has
/// the parts q, k and v; everything else of this library has one, without a name.
struct Part {
  const ManifestEntry& tensor;  ///< that it is a part of
  std::string_view name;        ///< of the part
  Projection projection;        ///< the linear map that it belongs to
  Index begin, cols;            ///< of the tensor's columns
  Index fan_in, fan_out;        ///< of the part as a linear map of its own, 0 for an embedding
  Index whole_fan_out;          ///< of the linear map that it is a part of, 0 for an embedding

  /// A part of the tensor.
  Part(const ManifestEntry& entry, const TensorPart& part)
      : tensor(entry),
        name(part.name),
        projection(part.projection),
        begin(part.begin),
        cols(part.size),
        fan_in(entry.fan_in),
        fan_out(entry.role == Role::embedding ? 0 : part.size),
        whole_fan_out(entry.role == Role::embedding ? 0 : entry.cols) {}

  /// What the tensor is.
  Role role() const { return tensor.role; }
};

}  // namespace residual
