#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "residual/core/start.hpp"

namespace residual {

/// How a tensor of the manifest relates to the tensor of the same name in a PyTorch state_dict.
enum class Layout {
  vector,      ///< [cols], as there
  matrix,      ///< [rows x cols], as there
  transposed,  ///< [rows x cols] here, [cols x rows] there: weights are stored [in x out], which suits x W
};

/// What a tensor is.
enum class Role {
  weight,     ///< of a linear map, [in x out]
  bias,       ///< of a linear map, [out]
  embedding,  ///< a table, [entries x dim]
  own,        ///< something with a starting value of its own: a norm's gain and bias, a gate, what a scheme owns
};

/// Which map of an attention or feed-forward layer a weight or bias belongs to.
enum class Projection {
  general,  ///< none of these
  query,
  key,
  value,
  output,  ///< of attention
  up,      ///< to the hidden layer
  gate,    ///< to the hidden layer's gate
  down,    ///< from the hidden layer
};

/// Some columns of a tensor, one after the other: outputs of a linear map that belong together, such as the keys.
struct TensorPart {
  std::string_view name;                        ///< a literal such as "k", or empty
  Index size;                                   ///< columns
  Projection projection = Projection::general;  ///< the linear map they are outputs of
  Index begin = 0;                              ///< the first column, which a Carver counts
  bool operator==(const TensorPart&) const = default;
};

/// One named tensor within a flat vector: entries offset .. offset + rows * cols, row-major.
struct ManifestEntry {
  std::string name;                    ///< that of a PyTorch state_dict, where PyTorch has the tensor
  Index offset, rows, cols;            ///< its first entry in the flat vector, and its shape
  Layout layout;                       ///< how other libraries store it
  Role role = Role::own;               ///< what it is
  std::vector<TensorPart> parts = {};  ///< all columns of a weight, a bias or an embedding, in order
  Index fan_in = 0;                    ///< of the linear map that a weight or bias belongs to
  Start start = starts::zeros();       ///< of a tensor with Role::own

  /// How many entries it has.
  Index size() const { return rows * cols; }
  /// The row of entry k; a vector has one row.
  Index row(Index k) const { return layout == Layout::vector ? 0 : k / cols; }
  /// The column of entry k, in a vector its place.
  Index col(Index k) const { return layout == Layout::vector ? k : k % cols; }
  /// Whether weight decay pulls at it: at weights and embeddings, not at biases, and at what is `own` where it says so.
  bool decays() const { return role == Role::weight || role == Role::embedding || (role == Role::own && start.decays); }
  bool operator==(const ManifestEntry&) const = default;
};
/// All tensors of a flat vector in the order of their memory.
using Manifest = std::vector<ManifestEntry>;

}  // namespace residual
