#pragma once

#include <concepts>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "residual/core/parameter_groups.hpp"
#include "residual/io/detail/file_tensor.hpp"
#include "residual/io/detail/listed.hpp"
#include "residual/io/detail/transposition.hpp"
#include "residual/io/safetensors.hpp"

namespace residual {

/// Where tensors are read from: SafeTensors, or several files as one (ShardedSafeTensors).
template <class F>
concept TensorSource = requires(const F& file, std::string_view name, const TensorInfo& info) {
  { file.source() } -> std::convertible_to<std::string>;
  { file.find(name) } -> std::convertible_to<const TensorInfo*>;
  { file.at(name) } -> std::convertible_to<const TensorInfo&>;
  { file.bytes(info) } -> std::convertible_to<std::span<const std::byte>>;
  file.tensors();
};

namespace detail {

/// Throws SafeTensorsError with what is missing, surplus or wrong, unless the file holds these tensors, but for
/// those it may lack, of floating type, of the type `asked` when nothing may be converted, and beside them at most what
/// the names ignore.
template <TensorSource File>
void expect_tensors(const File& file, std::span<const FileTensor> tensors, const NameMap& names, Dtype asked,
                    Conversion conversion) {
  Listed missing, surplus, wrong;
  bool other_file = false, other_type = false;  // what would help
  std::set<std::string_view> needed;
  const bool convert = conversion == Conversion::convert;
  for (const FileTensor& tensor : tensors) {
    needed.insert(tensor.name);
    const TensorInfo* const info = file.find(tensor.name);
    if (info == nullptr) {
      if (!tensor.may_lack) missing.add([&] { return printable(tensor.name); });
      continue;
    }
    const bool floating = visit_floating(info->dtype, [](auto) {});
    if (info->shape == tensor.shape && (convert ? floating : info->dtype == asked)) continue;
    if (info->shape != tensor.shape || !floating) other_file = true;
    if (floating && !convert && info->dtype != asked) other_type = true;
    wrong.add([&] {
      return printable(tensor.name) + " " + describe(info->dtype, info->shape) + " where " +
             describe(convert && floating ? info->dtype : asked, tensor.shape) + " is needed";
    });
  }
  for (const TensorInfo& info : file.tensors()) {
    if (!needed.contains(info.name) && !names.ignores(info.name)) surplus.add([&] { return printable(info.name); });
  }
  std::string faults;
  if (!missing.empty()) faults += "; missing: " + missing.text();
  if (!surplus.empty()) faults += "; surplus: " + surplus.text();
  if (!wrong.empty()) faults += "; wrong: " + wrong.text();
  if (faults.empty()) return;
  std::string advice;
  if (other_type) advice += " Pass Conversion::convert to convert numbers of another type.";
  if (other_file || !missing.empty() || !surplus.empty()) {
    advice +=
        " Give the file of such a model, or a NameMap that says what the file calls each tensor and which ones to "
        "ignore.";
  }
  throw SafeTensorsError(file.source() + " does not fit the model" + faults + "; nothing was loaded." + advice);
}

/// Writes one tensor, which fits, to its place in `flat`.
template <class S, TensorSource File>
void read_tensor(const File& file, const FileTensor& tensor, S* flat) {
  const TensorInfo& info = file.at(tensor.name);
  const std::byte* const from = file.bytes(info).data();
  S* const to = flat + tensor.offset;
  visit_floating(info.dtype, [&](auto element) {
    using Element = decltype(element);
    if (tensor.transposed) return Transposition<Element, S>()(from, tensor.cols, tensor.rows, to, tensor.stride);
    const bool whole = tensor.stride == tensor.cols;  // it lies in one piece
    const Index pieces = whole ? 1 : tensor.rows, length = whole ? tensor.size() : tensor.cols;
    for (Index i = 0; i < pieces; ++i) {
      convert<Element>(from + i * length * Index(sizeof(Element)), to + i * tensor.stride, std::size_t(length));
    }
  });
}

/// Reads these tensors of the parameters.
template <class Model, TensorSource File>
void load_tensors(const File& file, Parameters<Model>& theta, const Manifest& manifest, const NameMap& names,
                  Conversion conversion) {
  using S = typename Model::Scalar;
  constexpr auto own = dtype_of<S>();
  expect(own || conversion == Conversion::convert,
         "load_parameters: no file holds numbers of the model's type; allow Conversion::convert.");
  const std::vector<FileTensor> tensors = file_tensors(manifest, names);
  expect_tensors(file, tensors, names, own.value_or(Dtype::F64), conversion);
  for (const FileTensor& tensor : tensors) {
    if (file.find(tensor.name) != nullptr) read_tensor(file, tensor, theta.data());
  }
}

}  // namespace detail

/// Reads a model's parameters from a safetensors file, or several, straight to their place. Without `names` the file calls them as a
/// PyTorch state_dict does: that of nn.TransformerEncoder, nn.TransformerDecoder or nn.Transformer.
///
/// What the names keep stays as it is where the file lacks it.
///
/// Throws, before anything is written, SafeTensorsError with the tensors that are missing, surplus, of another shape or,
/// unless `conversion` allows it, of another type, ten of each kind and the number of the others, and std::invalid_argument on names that cannot be.
template <class Model, TensorSource File>
void load_parameters(const File& file, Parameters<Model>& theta, const NameMap& names = {},
                     Conversion conversion = Conversion::refuse) {
  detail::load_tensors(file, theta, theta.manifest(), names, conversion);
}
/// Reads what save_parameters wrote with these groups: the tensors of which at least a part is trained; the others stay
/// as they are. Throws, too, when the groups are of other parameters.
template <class Model, TensorSource File>
void load_parameters(const File& file, Parameters<Model>& theta, const ParameterGroups& groups,
                     const NameMap& names = {}, Conversion conversion = Conversion::refuse) {
  groups.expect_manifest("load_parameters", theta.manifest());
  detail::load_tensors(file, theta, groups.trained_tensors(), names, conversion);
}
/// Reads a model's parameters from a file by its path, as from an open one; throws std::system_error too when it cannot be
/// read.
template <class Model>
void load_parameters(const std::filesystem::path& path, Parameters<Model>& theta, const NameMap& names = {},
                     Conversion conversion = Conversion::refuse) {
  load_parameters(SafeTensors(path), theta, names, conversion);
}
/// Reads what save_parameters wrote with these groups from a file by its path.
template <class Model>
void load_parameters(const std::filesystem::path& path, Parameters<Model>& theta, const ParameterGroups& groups,
                     const NameMap& names = {}, Conversion conversion = Conversion::refuse) {
  load_parameters(SafeTensors(path), theta, groups, names, conversion);
}

}  // namespace residual
