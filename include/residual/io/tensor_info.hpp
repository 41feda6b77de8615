#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "residual/core/find_tensor.hpp"
#include "residual/io/dtype.hpp"
#include "residual/io/printable.hpp"

namespace residual {

/// A safetensors file that breaks the format, or that does not hold what it was asked for; the sentence names the file,
/// the tensor, what was found and what was expected.
class SafeTensorsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What the header of a file says of one tensor. The elements are row-major and little-endian.
struct TensorInfo {
  std::string name;                 ///< in the file
  Dtype dtype = Dtype::F32;         ///< of the elements
  std::vector<std::int64_t> shape;  ///< each >= 0; no dimension at all is a scalar
  std::uint64_t begin = 0;          ///< first byte, counted from the end of the header
  std::uint64_t end = 0;            ///< one past the last byte

  /// The product of the dimensions.
  std::int64_t elements() const {
    std::uint64_t product = 1;  // unsigned, since [2^62, 3, 0] is a shape too
    for (const std::int64_t dimension : shape) product *= static_cast<std::uint64_t>(dimension);
    return static_cast<std::int64_t>(product);
  }

  bool operator==(const TensorInfo&) const = default;
};

/// A type and a shape in words: "F32 [2, 3]".
inline std::string describe(Dtype dtype, std::span<const std::int64_t> shape) {
  std::string text(name_of(dtype));
  text += " [";
  for (std::size_t i = 0; i < shape.size() && i < 16; ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + (shape.size() > 16 ? ", ...]" : "]");
}

namespace detail {

/// What is said of a tensor that is not there: how many there are, and the closest names.
inline std::string closest_in(const std::vector<TensorInfo>& tensors, std::string_view name) {
  if (tensors.empty()) return ", nor any other";
  const auto shown = [](const std::string& other) { return printable(other); };
  return " among its " + std::to_string(tensors.size()) + "; the closest names are " +
         closest_names(tensors, name, shown);
}

/// Bytes of a tensor, or nothing when 64 bits cannot count its bits or the last byte is not full (F4, F6).
/// The product runs from left to right, so a 0 excuses only what stands after it, as in the reference implementation.
inline std::optional<std::uint64_t> checked_bytes(Dtype dtype, std::span<const std::int64_t> shape) {
  std::uint64_t bits = 1;
  const auto multiply = [&bits](std::uint64_t factor) {
    if (factor != 0 && bits > std::numeric_limits<std::uint64_t>::max() / factor) return false;
    bits *= factor;
    return true;
  };
  for (const std::int64_t dimension : shape) {
    if (dimension < 0 || !multiply(static_cast<std::uint64_t>(dimension))) return std::nullopt;
  }
  if (!multiply(bits_of(dtype)) || bits % 8 != 0) return std::nullopt;
  return bits / 8;
}

}  // namespace detail
}  // namespace residual
