#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "residual/core/parameter_groups.hpp"
#include "residual/io/detail/file_tensor.hpp"
#include "residual/io/safetensors_writer.hpp"

namespace residual {

namespace detail {

/// Writes these tensors of the parameters.
template <class Model>
void save_tensors(const std::filesystem::path& path, const Parameters<Model>& theta, const Manifest& tensors,
                  const NameMap& names, const std::map<std::string, std::string>& metadata) {
  using S = typename Model::Scalar;
  Index size = 0;
  for (const ManifestEntry& tensor : tensors) size += tensor.size();
  Column<S> elements(size);
  std::vector<TensorEntry> entries;
  Index begin = 0;
  for (const FileTensor& tensor : file_tensors(tensors, names)) {
    const In<S> here(theta.data() + tensor.offset, tensor.rows, tensor.cols, tensor.stride);
    S* const there = elements.data() + begin;
    if (tensor.transposed) {
      Eigen::Map<Tokens<S>>(there, tensor.cols, tensor.rows) = here.transpose();
    } else {
      Eigen::Map<Tokens<S>>(there, tensor.rows, tensor.cols) = here;
    }
    entries.push_back(TensorEntry::of<S>(tensor.name, tensor.shape, {there, std::size_t(tensor.size())}));
    begin += tensor.size();
  }
  write_safetensors(path, entries, metadata);
}

}  // namespace detail

/// Writes a model's parameters as a safetensors file that load_parameters, or PyTorch's load_state_dict, reads back: in
/// PyTorch's layout unless the names say otherwise, and without `names` under PyTorch's names. Holds a second copy of them while it writes.
///
/// A crash leaves the old file or the new one, whole. Throws std::invalid_argument on names that cannot be, and
/// std::system_error when the system cannot write the file.
template <class Model>
  requires TensorScalar<typename Model::Scalar>
void save_parameters(const std::filesystem::path& path, const Parameters<Model>& theta, const NameMap& names = {},
                     const std::map<std::string, std::string>& metadata = {{"format", "pt"}}) {
  detail::save_tensors(path, theta, theta.manifest(), names, metadata);
}
/// Writes only the tensors of which at least a part is trained. Throws, too, when the groups are of other parameters.
template <class Model>
  requires TensorScalar<typename Model::Scalar>
void save_parameters(const std::filesystem::path& path, const Parameters<Model>& theta, const ParameterGroups& groups,
                     const NameMap& names = {},
                     const std::map<std::string, std::string>& metadata = {{"format", "pt"}}) {
  groups.expect_manifest("save_parameters", theta.manifest());
  detail::save_tensors(path, theta, groups.trained_tensors(), names, metadata);
}

}  // namespace residual
