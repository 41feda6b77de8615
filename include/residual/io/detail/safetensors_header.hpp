#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "residual/io/detail/safetensors_json.hpp"
#include "residual/io/tensor_info.hpp"

namespace residual::detail {

/// Bytes of the longest header that a file may have, as in the reference implementation.
inline constexpr std::uint64_t longest_header = 100'000'000;

/// The JSON at the start of a file, after its 8 bytes of length. Throws SafeTensorsError when the file is shorter.
inline std::span<const std::byte> header_bytes(std::span<const std::byte> file, const std::string& source) {
  std::uint64_t length = 0;
  if (file.size() < sizeof length) {
    throw SafeTensorsError(source + ": the file has " + std::to_string(file.size()) +
                           " bytes, expected at least 8 for the length of the header.");
  }
  std::memcpy(&length, file.data(), sizeof length);
  const std::uint64_t most = std::min<std::uint64_t>(file.size() - sizeof length, longest_header);
  if (length > most) {
    throw SafeTensorsError(source + ": the header claims " + std::to_string(length) + " bytes, expected at most " +
                           std::to_string(most) +
                           (most < longest_header ? ", the rest of the file" : ", the most that a header may have") +
                           "; the file is cut short or of another format.");
  }
  return file.subspan(sizeof length, static_cast<std::size_t>(length));
}

/// Throws SafeTensorsError unless the tensor begins at byte `begin`, where the one before it ended, and is as large as
/// its shape says.
inline void check_tensor(const TensorInfo& info, std::uint64_t begin, const std::string& source) {
  const auto fail = [&](const std::string& what) {
    throw SafeTensorsError(source + ": tensor " + printable(info.name) + what + ".");
  };
  const std::string from = std::to_string(info.begin), to = std::to_string(info.end);
  if (info.end < info.begin) fail(" ends at byte " + to + " of the data, before its begin at byte " + from);
  if (info.begin != begin) {
    fail(" begins at byte " + from + " of the data, expected byte " + std::to_string(begin) +
         ", where the tensor before it ends; there may be no hole and no overlap");
  }
  const auto bytes = checked_bytes(info.dtype, info.shape);
  if (!bytes) {
    fail(" is " + describe(info.dtype, info.shape) + ", expected whole bytes and a size that 64 bits can count");
  }
  if (info.end - info.begin != *bytes) {
    fail(" has bytes " + from + " to " + to + " of the data, expected " + std::to_string(*bytes) + " bytes for " +
         describe(info.dtype, info.shape));
  }
}

/// The checked header of a file, its tensors in the order of their data: each begins where the one before it ends, the
/// first at byte 0, the last ends with the file. Throws SafeTensorsError.
inline SafeTensorsHeader read_header(std::span<const std::byte> file, const std::string& source) {
  const std::span<const std::byte> text = header_bytes(file, source);
  auto header = HeaderReader::read({reinterpret_cast<const char*>(text.data()), text.size()}, source);
  std::stable_sort(header.tensors.begin(), header.tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t end = 0;
  for (const TensorInfo& info : header.tensors) {
    check_tensor(info, end, source);
    end = info.end;
  }
  const std::uint64_t held = file.size() - sizeof(std::uint64_t) - text.size();
  if (end != held) {
    throw SafeTensorsError(source + ": the tensors end at byte " + std::to_string(end) +
                           " of the data, but the file holds " + std::to_string(held) + " bytes of data; " +
                           (end > held ? "it is cut short." : "nothing may follow the last tensor."));
  }
  return header;
}

}  // namespace residual::detail
