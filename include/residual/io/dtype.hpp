#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

namespace residual {

/// The element types of the safetensors format, under the names that the files use.
enum class Dtype {
  BOOL,
  F4,
  F6_E2M3,
  F6_E3M2,
  U8,
  I8,
  F8_E5M2,
  F8_E4M3,
  F8_E8M0,
  F8_E4M3FNUZ,
  F8_E5M2FNUZ,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64
};

/// One row of the table of element types: the type, its name in a file, the bits of one element.
struct DtypeRow {
  Dtype dtype;            ///< the type
  std::string_view name;  ///< in a file
  unsigned bits;          ///< of one element
};

/// Every element type, in the order of the enumeration.
inline constexpr std::array<DtypeRow, 22> dtypes{{
    {Dtype::BOOL, "BOOL", 8},
    {Dtype::F4, "F4", 4},
    {Dtype::F6_E2M3, "F6_E2M3", 6},
    {Dtype::F6_E3M2, "F6_E3M2", 6},
    {Dtype::U8, "U8", 8},
    {Dtype::I8, "I8", 8},
    {Dtype::F8_E5M2, "F8_E5M2", 8},
    {Dtype::F8_E4M3, "F8_E4M3", 8},
    {Dtype::F8_E8M0, "F8_E8M0", 8},
    {Dtype::F8_E4M3FNUZ, "F8_E4M3FNUZ", 8},
    {Dtype::F8_E5M2FNUZ, "F8_E5M2FNUZ", 8},
    {Dtype::I16, "I16", 16},
    {Dtype::U16, "U16", 16},
    {Dtype::F16, "F16", 16},
    {Dtype::BF16, "BF16", 16},
    {Dtype::I32, "I32", 32},
    {Dtype::U32, "U32", 32},
    {Dtype::F32, "F32", 32},
    {Dtype::C64, "C64", 64},
    {Dtype::F64, "F64", 64},
    {Dtype::I64, "I64", 64},
    {Dtype::U64, "U64", 64},
}};

/// The name of an element type in a file, such as "BF16".
constexpr std::string_view name_of(Dtype dtype) { return dtypes[static_cast<std::size_t>(dtype)].name; }

/// Bits of one element.
constexpr unsigned bits_of(Dtype dtype) { return dtypes[static_cast<std::size_t>(dtype)].bits; }

/// The element type that a file calls `name`, or nothing when the format knows no such name.
constexpr std::optional<Dtype> dtype_named(std::string_view name) {
  const auto row = std::find_if(dtypes.begin(), dtypes.end(), [&](const DtypeRow& r) { return r.name == name; });
  return row == dtypes.end() ? std::nullopt : std::optional(row->dtype);
}

/// An integer that is neither bool nor a character; std::int8_t and std::uint8_t are no characters, char is one.
template <class S>
concept CountingInteger =
    std::integral<S> && std::same_as<S, std::remove_cv_t<S>> && !std::same_as<S, bool> && !std::same_as<S, char> &&
    !std::same_as<S, wchar_t> && !std::same_as<S, char8_t> && !std::same_as<S, char16_t> && !std::same_as<S, char32_t>;

/// The element type whose bytes are exactly those of the C++ type S, or nothing where there is none (long double, bool).
/// Integers have theirs by size and sign, whichever of long and long long is the one of 64 bits.
template <class S>
constexpr std::optional<Dtype> dtype_of() {
  if constexpr (std::same_as<S, float>) return Dtype::F32;
  if constexpr (std::same_as<S, double>) return Dtype::F64;
  if constexpr (std::same_as<S, Eigen::half>) return Dtype::F16;
  if constexpr (std::same_as<S, Eigen::bfloat16>) return Dtype::BF16;
  if constexpr (CountingInteger<S>) {
    if constexpr (sizeof(S) == 1) return std::is_signed_v<S> ? Dtype::I8 : Dtype::U8;
    if constexpr (sizeof(S) == 2) return std::is_signed_v<S> ? Dtype::I16 : Dtype::U16;
    if constexpr (sizeof(S) == 4) return std::is_signed_v<S> ? Dtype::I32 : Dtype::U32;
    if constexpr (sizeof(S) == 8) return std::is_signed_v<S> ? Dtype::I64 : Dtype::U64;
  }
  return std::nullopt;
}

/// A C++ type whose bytes can be written as they are: dtype_of<S>() names the element type.
template <class S>
concept TensorScalar = dtype_of<S>()
.has_value();

}  // namespace residual
