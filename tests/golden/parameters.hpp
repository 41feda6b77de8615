#pragma once

#include <set>

#include "golden/compute.hpp"
#include "residual/core/parameters.hpp"
#include "residual/io/tensor_info.hpp"

namespace golden {

using residual::expect;

/// The shape of a tensor in PyTorch.
inline std::vector<Index> torch_shape(const residual::ManifestEntry& entry) {
  if (entry.layout == residual::Layout::vector) return {entry.size()};
  if (entry.layout == residual::Layout::transposed) return {entry.cols, entry.rows};
  return {entry.rows, entry.cols};
}

/// Calls visit(place in the flat vector, place in PyTorch's tensor) for every entry.
template <class Visit>
void each_entry(const residual::ManifestEntry& entry, Visit&& visit) {
  const bool transposed = entry.layout == residual::Layout::transposed;
  for (Index i = 0; i < entry.rows; ++i) {
    for (Index j = 0; j < entry.cols; ++j) {
      visit(entry.offset + i * entry.cols + j, std::size_t(transposed ? j * entry.rows + i : i * entry.cols + j));
    }
  }
}

/// Throws unless the case's parameters are those of the manifest, in name and shape.
inline void expect_parameters(const Case& c, const residual::Manifest& manifest) {
  std::set<std::string> names;
  for (const auto& entry : manifest) {
    const std::string& name = *names.insert("params." + entry.name).first;
    const auto found = c.tensors.find(name);
    expect(found != c.tensors.end(), "the tensor ", name, " is missing.");
    expect(found->second.shape == torch_shape(entry), "the tensor ", name, " is ", to_string(found->second.shape),
           ", but ", to_string(torch_shape(entry)), " is needed.");
  }
  for (const auto& [name, tensor] : c.tensors) {
    expect(!name.starts_with("params.") || names.contains(name), "the tensor ", residual::printable(name),
           " is no parameter of the model that config describes.");
  }
}

template <class M>
residual::Parameters<M> parameters_of(const M& model, const Case& c) {
  residual::Parameters<M> theta(model);
  for (const auto& entry : theta.manifest()) {
    const Tensor& tensor = c.tensors.at("params." + entry.name);
    each_entry(entry,
               [&](Index ours, std::size_t torch) { theta.flat()[ours] = typename M::Scalar(tensor.data[torch]); });
  }
  return theta;
}

template <class M>
void add_gradients(const residual::Parameters<M>& gradient, Outputs& outputs) {
  for (const auto& entry : gradient.manifest()) {
    Tensor tensor{torch_shape(entry), std::vector<double>(std::size_t(entry.size()))};
    each_entry(entry, [&](Index ours, std::size_t torch) { tensor.data[torch] = double(gradient.flat()[ours]); });
    outputs["grads." + entry.name] = {std::move(tensor)};
  }
}

}  // namespace golden
