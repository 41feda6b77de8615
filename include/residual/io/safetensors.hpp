#pragma once

#include <Eigen/Core>
#include <bit>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/io/detail/convert.hpp"
#include "residual/io/detail/safetensors_header.hpp"
#include "residual/io/dtype.hpp"
#include "residual/io/mapped_file.hpp"
#include "residual/io/tensor_info.hpp"

namespace residual {

static_assert(
    std::endian::native == std::endian::little,
    "safetensors files hold little-endian numbers, which are copied as they are: use a little-endian machine");

/// What SafeTensors::read does when the file holds another floating type than the one asked for.
enum class Conversion {
  refuse,  ///< throw
  convert  ///< round F16, BF16, F32 and F64 to the nearest value of the type asked for (F64 to 16 bits by way of float)
};

/// A safetensors file, mapped into memory and open for reading; copies share the mapping.
///
///     file = N (8 bytes, little-endian) | header (N bytes of JSON) | data
///
/// The constructors check the whole layout before they return: the tensors tile the data in the order of their offsets,
/// with no hole and no overlap, each as large as its shape says, and nothing is left over. Values are not looked at.
class SafeTensors {
 public:
  /// Maps the file. Throws SafeTensorsError when it breaks the format, std::system_error when it cannot be read.
  explicit SafeTensors(const std::filesystem::path& path) : source_(printable_path(path)), file_(path) {
    open(file_->bytes());
  }

  /// Reads a file that is in memory already; the bytes must outlive this object. `source` opens the errors.
  /// Throws SafeTensorsError.
  static SafeTensors from_bytes(std::span<const std::byte> file, std::string source = "safetensors in memory") {
    return SafeTensors(file, std::move(source));
  }

  /// What opens the errors: the path in quotes, or what from_bytes was given.
  const std::string& source() const { return source_; }

  /// The free text of the file, by name.
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }

  /// The tensors in the order of their data.
  const std::vector<TensorInfo>& tensors() const { return header_.tensors; }

  /// The tensor of that name, or nullptr.
  const TensorInfo* find(std::string_view name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &header_.tensors[found->second];
  }

  /// The tensor of that name; throws SafeTensorsError when the file has none.
  const TensorInfo& at(std::string_view name) const {
    if (const TensorInfo* const info = find(name)) return *info;
    fail("has no tensor " + printable(name) + detail::closest_in(tensors(), name));
  }

  /// The bytes of a tensor of this file, of whatever alignment. Throws std::invalid_argument on a tensor of another file.
  std::span<const std::byte> bytes(const TensorInfo& info) const {
    const TensorInfo* const own = find(info.name);
    expect(own != nullptr && *own == info, source_, ": tensor ", printable(info.name), ", ",
           describe(info.dtype, info.shape),
           ", is not of this file; give one that tensors(), find() or at() returned.");
    return data_.subspan(static_cast<std::size_t>(info.begin), static_cast<std::size_t>(info.end - info.begin));
  }

  /// Copies a tensor to `out`, row-major. S is any floating type, or the very integer type of the file's elements.
  /// Throws, before anything is written, std::invalid_argument when `out` has not one place an element, and
  /// SafeTensorsError when the file holds another type than S and may not, or cannot, be converted.
  template <class S>
  void read(const TensorInfo& info, std::span<S> out, Conversion conversion = Conversion::refuse) const;

 private:
  SafeTensors(std::span<const std::byte> file, std::string source) : source_(std::move(source)) { open(file); }

  void open(std::span<const std::byte> file) {
    header_ = detail::read_header(file, source_);
    data_ = file.last(header_.tensors.empty() ? 0 : static_cast<std::size_t>(header_.tensors.back().end));
    for (std::size_t i = 0; i < tensors().size(); ++i) index_.emplace(tensors()[i].name, i);
  }

  [[noreturn]] void fail(const std::string& what) const { throw SafeTensorsError(source_ + ": " + what + "."); }

  std::string source_;
  std::optional<MappedFile> file_;
  std::span<const std::byte> data_;
  detail::SafeTensorsHeader header_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

template <class S>
void SafeTensors::read(const TensorInfo& info, std::span<S> out, Conversion conversion) const {
  const std::span<const std::byte> from = bytes(info);
  const std::string tensor = "tensor " + printable(info.name) + " is " + describe(info.dtype, info.shape);
  expect(std::cmp_equal(out.size(), info.elements()), source_, ": ", tensor, ", but there is room for ", out.size(),
         " elements; give one place an element.");
  if (dtype_of<S>() == info.dtype) {
    if (!from.empty()) std::memcpy(out.data(), from.data(), from.size());
    return;
  }
  if constexpr (!std::is_integral_v<S>) {
    const auto convert = [&](auto element) { detail::convert<decltype(element)>(from.data(), out.data(), out.size()); };
    if (conversion == Conversion::convert && detail::visit_floating(info.dtype, convert)) return;
  }
  constexpr auto asked = dtype_of<S>();
  fail(tensor + ", but " + (asked ? std::string(name_of(*asked)) : "a type that no file holds") + " was asked for; " +
       (conversion == Conversion::refuse && !std::is_integral_v<S>
            ? "allow Conversion::convert"
            : "only F16, BF16, F32 and F64 can be converted, and only to a floating type: take the bytes()"));
}

}  // namespace residual
