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

#include "residual/io/detail/listed.hpp"
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

/// Adds what keeps the file's tensors from being those of the slots.
inline void add_problems(Listed& problems, const std::vector<CheckpointSlot>& slots, const SafeTensors& file) {
  std::set<std::string_view> known;
  for (const CheckpointSlot& slot : slots) {
    known.insert(slot.now.name);
    const TensorInfo* const info = file.find(slot.now.name);
    if (info != nullptr && slot.fits(*info)) continue;
    problems.add([&] {
      return "tensor " + printable(slot.now.name) + " is " +
             (info == nullptr ? "missing" : describe(info->dtype, info->shape)) + ", expected " + slot.wanted();
    });
  }
  for (const TensorInfo& info : file.tensors()) {
    if (known.contains(info.name)) continue;
    problems.add(
        [&] { return "tensor " + printable(info.name) + ", " + describe(info.dtype, info.shape) + ", is left over"; });
  }
}

}  // namespace residual::detail
