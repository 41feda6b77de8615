#pragma once

#include <string_view>

namespace residual::detail {

/// The places of a safetensors header in which a value can stand:
///
///     header   = { "__metadata__": metadata, NAME: tensor, ... }
///     metadata = { NAME: text, ... }
///     tensor   = { "dtype": dtype, "shape": [dimension, ...], "data_offsets": [offset, offset], NAME: anything, ... }
enum class Slot { header, metadata, text, tensor, dtype, shape, dimension, offsets, offset, anything };

/// The place of a value inside the object or array at `inside`, after the name `key` if it is an object.
constexpr Slot slot_in(Slot inside, std::string_view key) {
  if (inside == Slot::header) return key == "__metadata__" ? Slot::metadata : Slot::tensor;
  if (inside == Slot::metadata) return Slot::text;
  if (inside == Slot::tensor && key == "dtype") return Slot::dtype;
  if (inside == Slot::tensor && key == "shape") return Slot::shape;
  if (inside == Slot::tensor && key == "data_offsets") return Slot::offsets;
  if (inside == Slot::shape) return Slot::dimension;
  if (inside == Slot::offsets) return Slot::offset;
  return Slot::anything;
}

/// What an error says that it expected there.
constexpr const char* expected(Slot slot) {
  switch (slot) {
    case Slot::header:
      return "an object that maps names to tensors";
    case Slot::metadata:
      return "an object that maps strings to strings";
    case Slot::tensor:
      return "an object with dtype, shape and data_offsets";
    case Slot::text:
    case Slot::dtype:
      return "a string";
    case Slot::shape:
    case Slot::offsets:
      return "an array of integers";
    default:
      return "an integer from 0 to 2^63 - 1";
  }
}

}  // namespace residual::detail
