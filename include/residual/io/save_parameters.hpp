#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "residual/core/parameters.hpp"
#include "residual/io/detail/file_tensor.hpp"
#include "residual/io/safetensors_writer.hpp"

namespace residual {

/// Writes a model's parameters as a safetensors file that load_parameters, or PyTorch's load_state_dict, reads back: in
/// PyTorch's layout unless the names say otherwise, and without `names` under PyTorch's names. Holds a second copy of them while it writes.
///
/// A crash leaves the old file or the new one, whole. Throws std::invalid_argument on names that cannot be, and
/// std::system_error when the system cannot write the file.
template <class Model>
  requires TensorScalar<typename Model::Scalar>
void save_parameters(const std::filesystem::path& path, const Parameters<Model>& theta, const NameMap& names = {},
                     const std::map<std::string, std::string>& metadata = {{"format", "pt"}}) {
  using S = typename Model::Scalar;
  Column<S> elements(theta.size());
  std::vector<TensorEntry> entries;
  Index begin = 0;
  for (const FileTensor& tensor : file_tensors(theta.manifest(), names)) {
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

}  // namespace residual
