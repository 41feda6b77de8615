#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "residual/io/safetensors.hpp"
#include "residual/io/safetensors_writer.hpp"

namespace residual::detail {

/// Writes what has been read to where it belongs; it cannot fail.
using Write = std::function<void()>;

/// One tensor of a checkpoint: what it is now, and how a file's is read before anything is written.
struct CheckpointSlot {
  TensorEntry now;
  bool any_length = false;
  std::function<Write(const SafeTensors&, const TensorInfo&)> read;

  bool fits(const TensorInfo& info) const {
    return info.dtype == now.dtype && (any_length ? info.shape.size() == 1 : info.shape == now.shape);
  }
  std::string wanted() const {
    return any_length ? std::string(name_of(now.dtype)) + " of one dimension" : describe(now.dtype, now.shape);
  }
};

/// A tensor whose memory stays where it is.
template <class S>
CheckpointSlot in_place(const std::string& name, std::vector<std::int64_t> shape, std::span<S> memory) {
  const auto read = [memory](const SafeTensors& file, const TensorInfo& info) -> Write {
    return [memory, from = file.bytes(info)] {
      if (!from.empty()) std::memcpy(memory.data(), from.data(), from.size());
    };
  };
  return {.now = TensorEntry::of(name, std::move(shape), std::span<const S>(memory)), .read = read};
}

/// What keeps the file's tensors from being those of the slots, a line each; empty if nothing does.
inline std::string problems(const std::vector<CheckpointSlot>& slots, const SafeTensors& file) {
  std::string problems;
  std::set<std::string_view> known;
  for (const CheckpointSlot& slot : slots) {
    const std::string name = "\n  tensor " + printable(slot.now.name);
    const TensorInfo* const info = file.find(slot.now.name);
    if (info == nullptr) problems += name + " is missing, expected " + slot.wanted() + ';';
    if (info != nullptr && !slot.fits(*info)) {
      problems += name + " is " + describe(info->dtype, info->shape) + ", expected " + slot.wanted() + ';';
    }
    known.insert(slot.now.name);
  }
  for (const TensorInfo& info : file.tensors()) {
    if (known.contains(info.name)) continue;
    problems += "\n  tensor " + printable(info.name) + ", " + describe(info.dtype, info.shape) + ", is left over;";
  }
  return problems;
}

}  // namespace residual::detail
