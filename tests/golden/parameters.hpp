#pragma once

#include <set>

#include "golden/compute.hpp"
#include "residual/core/parameters.hpp"
#include "residual/io/tensor_info.hpp"

namespace golden {

using residual::expect;

/// A tensor of a case and the columns of ours that it holds: all of them, or with projections of their own those of one
/// part.
struct Piece {
  std::string name;
  Index begin, cols;
};
inline std::vector<Piece> pieces_of(const residual::ManifestEntry& entry, bool separate) {
  const auto at = [&](const char* word) { return separate ? entry.name.find(word) : std::string::npos; };
  if (const auto out = at("out_proj."); out != std::string::npos) {
    return {{std::string(entry.name).replace(out, 9, "o_proj."), 0, entry.cols}};
  }
  const auto in = at("in_proj_");
  if (in == std::string::npos) return {{entry.name, 0, entry.cols}};
  std::vector<Piece> pieces;
  for (const auto& part : entry.parts) {
    pieces.push_back(
        {std::string(entry.name).replace(in, 8, std::string(part.name) + "_proj."), part.begin, part.size});
  }
  return pieces;
}

/// The shape of a piece in PyTorch.
inline std::vector<Index> torch_shape(const residual::ManifestEntry& entry, const Piece& piece) {
  if (entry.layout == residual::Layout::vector) return {entry.rows * piece.cols};
  if (entry.layout == residual::Layout::transposed) return {piece.cols, entry.rows};
  return {entry.rows, piece.cols};
}

/// Calls visit(place in the flat vector, place in PyTorch's tensor) for every entry of a piece.
template <class Visit>
void each_entry(const residual::ManifestEntry& entry, const Piece& piece, Visit&& visit) {
  const bool transposed = entry.layout == residual::Layout::transposed;
  for (Index i = 0; i < entry.rows; ++i) {
    for (Index j = 0; j < piece.cols; ++j) {
      visit(entry.offset + i * entry.cols + piece.begin + j,
            std::size_t(transposed ? j * entry.rows + i : i * piece.cols + j));
    }
  }
}

/// Throws unless the case has the tensors of the manifest, in these shapes; adds their names.
inline void expect_parameters(const Case& c, const residual::Manifest& manifest, std::set<std::string>& names) {
  for (const auto& entry : manifest) {
    for (const Piece& piece : pieces_of(entry, c.config.layer.separate)) {
      const std::string& name = *names.insert("params." + piece.name).first;
      const auto found = c.tensors.find(name);
      const auto shape = torch_shape(entry, piece);
      expect(found != c.tensors.end(), "the tensor ", name, " is missing.");
      expect(found->second.shape == shape, "the tensor ", name, " is ", to_string(found->second.shape), ", but ",
             to_string(shape), " is needed.");
    }
  }
}
/// Throws when the case has parameters beside these.
inline void expect_no_others(const Case& c, const std::set<std::string>& names) {
  for (const auto& [name, tensor] : c.tensors) {
    expect(!name.starts_with("params.") || names.contains(name), "the tensor ", residual::printable(name),
           " is no parameter of the model that config describes.");
  }
}

template <class M>
residual::Parameters<M> parameters_of(const M& model, const Case& c) {
  residual::Parameters<M> theta(model);
  for (const auto& entry : theta.manifest()) {
    for (const Piece& piece : pieces_of(entry, c.config.layer.separate)) {
      const Tensor& tensor = c.tensors.at("params." + piece.name);
      each_entry(entry, piece,
                 [&](Index ours, std::size_t torch) { theta.flat()[ours] = typename M::Scalar(tensor.data[torch]); });
    }
  }
  return theta;
}

template <class M>
void add_gradients(const residual::Parameters<M>& gradient, const Case& c, Outputs& outputs) {
  for (const auto& entry : gradient.manifest()) {
    for (const Piece& piece : pieces_of(entry, c.config.layer.separate)) {
      Tensor tensor{torch_shape(entry, piece), std::vector<double>(std::size_t(entry.rows * piece.cols))};
      each_entry(entry, piece,
                 [&](Index ours, std::size_t torch) { tensor.data[torch] = double(gradient.flat()[ours]); });
      outputs["grads." + piece.name] = {std::move(tensor)};
    }
  }
}

}  // namespace golden
