#pragma once

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "residual/core/parameters.hpp"
#include "residual/io/file_tensor.hpp"
#include "residual/io/safetensors.hpp"
#include "residual/io/transposition.hpp"

namespace residual {
namespace detail {

/// "; missing: A, B", or nothing when there are none.
inline std::string listed(const char* what, const std::vector<std::string>& tensors) {
  std::string text;
  for (const std::string& tensor : tensors) text += (text.empty() ? std::string(what) : ", ") + tensor;
  return text.empty() ? text : "; " + text;
}

/// Throws SafeTensorsError with all that is missing, surplus or wrong, unless the file holds these tensors of floating
/// type, of the type `asked` when nothing may be converted, and beside them at most what the names ignore.
inline void expect_tensors(const SafeTensors& file, std::span<const FileTensor> tensors, const NameMap& names,
                           Dtype asked, Conversion conversion) {
  std::vector<std::string> missing, surplus, wrong;
  std::set<std::string_view> needed;
  const bool convert = conversion == Conversion::convert;
  for (const FileTensor& tensor : tensors) {
    needed.insert(tensor.name);
    const TensorInfo* const info = file.find(tensor.name);
    if (info == nullptr) {
      missing.push_back(printable(tensor.name));
      continue;
    }
    const bool floating = visit_floating(info->dtype, [](auto) {});
    if (info->shape == tensor.shape && (convert ? floating : info->dtype == asked)) continue;
    wrong.push_back(printable(tensor.name) + " " + describe(info->dtype, info->shape) + " where " +
                    describe(convert && floating ? info->dtype : asked, tensor.shape) + " is needed" +
                    (floating && !convert && info->dtype != asked ? " or Conversion::convert" : ""));
  }
  for (const TensorInfo& info : file.tensors()) {
    if (!needed.contains(info.name) && !names.ignores(info.name)) surplus.push_back(printable(info.name));
  }
  const std::string faults = listed("missing: ", missing) + listed("surplus: ", surplus) + listed("wrong: ", wrong);
  if (faults.empty()) return;
  throw SafeTensorsError(file.source() + " does not fit the model" + faults +
                         "; nothing was loaded. Give the file of such a model, or a NameMap that says what the file " +
                         "calls each tensor and which ones to ignore.");
}

/// Writes one tensor, which fits, to its place in `flat`.
template <class S>
void read_tensor(const SafeTensors& file, const FileTensor& tensor, S* flat, Conversion conversion) {
  const TensorInfo& info = file.at(tensor.name);
  if (!tensor.transposed)
    return file.read(info, std::span<S>(flat + tensor.offset, std::size_t(tensor.size())), conversion);
  visit_floating(info.dtype, [&](auto element) {
    Transposition<decltype(element), S> transpose;
    transpose(file.bytes(info).data(), tensor.cols, tensor.rows, flat + tensor.offset, tensor.stride);
  });
}

}  // namespace detail

/// Reads a model's parameters from a safetensors file straight to their place. Without `names` the file calls them as a
/// PyTorch state_dict does: that of nn.TransformerEncoder, nn.TransformerDecoder or nn.Transformer.
///
/// Throws, before anything is written, SafeTensorsError with all tensors that are missing, surplus, of another shape or,
/// unless `conversion` allows it, of another type, and std::invalid_argument on names that cannot be.
template <class Model>
void load_parameters(const SafeTensors& file, Parameters<Model>& theta, const NameMap& names = {},
                     Conversion conversion = Conversion::refuse) {
  using S = typename Model::Scalar;
  constexpr auto own = dtype_of<S>();
  expect(own || conversion == Conversion::convert,
         "load_parameters: no file holds numbers of the model's type; allow Conversion::convert.");
  const std::vector<FileTensor> tensors = file_tensors(theta.manifest(), names);
  detail::expect_tensors(file, tensors, names, own.value_or(Dtype::F64), conversion);
  for (const FileTensor& tensor : tensors) detail::read_tensor(file, tensor, theta.data(), conversion);
}
/// The same from a file by its path; throws std::system_error too when it cannot be read.
template <class Model>
void load_parameters(const std::filesystem::path& path, Parameters<Model>& theta, const NameMap& names = {},
                     Conversion conversion = Conversion::refuse) {
  load_parameters(SafeTensors(path), theta, names, conversion);
}

}  // namespace residual
