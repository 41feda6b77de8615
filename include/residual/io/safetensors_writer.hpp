#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/io/detail/safetensors_header.hpp"
#include "residual/io/dtype.hpp"
#include "residual/io/tensor_info.hpp"
#include "residual/io/write_file.hpp"

namespace residual {

/// One tensor to write: a name, a shape and a window onto its elements, row-major, which are not copied.
struct TensorEntry {
  std::string name;                  ///< in the file
  Dtype dtype = Dtype::F32;          ///< of the elements
  std::vector<std::int64_t> shape;   ///< each >= 0; no dimension at all is a scalar
  std::span<const std::byte> bytes;  ///< the elements, row-major

  /// The element type follows from the type of the elements.
  template <TensorScalar S>
  static TensorEntry of(std::string name, std::vector<std::int64_t> shape, std::span<const S> elements) {
    return {std::move(name), *dtype_of<S>(), std::move(shape), std::as_bytes(elements)};
  }
};

namespace detail {

/// Whether a header can hold the text.
inline bool is_utf8(const std::string& text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

/// Throws std::invalid_argument unless a tensor may have that name; `who` opens the sentence.
inline void check_name(const char* who, const std::string& name) {
  expect(name != "__metadata__", who, ": the format keeps the name \"__metadata__\" for free text; choose another.");
  expect(is_utf8(name), who, ": the name ", printable(name), " is not UTF-8; choose another.");
}

/// Throws std::invalid_argument unless the entry has a name that a tensor may have and as many bytes as its shape says.
inline void check_entry(const TensorEntry& entry) {
  check_name("write_safetensors", entry.name);
  const auto bytes = checked_bytes(entry.dtype, entry.shape);
  expect(bytes == entry.bytes.size(), "write_safetensors: tensor ", printable(entry.name), " is given as ",
         entry.bytes.size(), " bytes, but ", describe(entry.dtype, entry.shape), " has ",
         bytes ? std::to_string(*bytes) : "no whole number of bytes that 64 bits can count",
         "; give all elements of the shape, one after another.");
}

/// The JSON of the header for data that follow one another in the order of the entries. Throws std::invalid_argument.
inline std::string header_json(std::span<const TensorEntry> entries,
                               const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  for (const auto& [name, text] : metadata) {
    expect(is_utf8(name) && is_utf8(text), "write_safetensors: the text ", printable(name), " of the metadata, ",
           printable(text), ", or its name is not UTF-8; write bytes as a U8 tensor.");
  }
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t begin = 0;
  for (const TensorEntry& entry : entries) {
    check_entry(entry);
    const std::uint64_t end = begin + entry.bytes.size();
    nlohmann::json value{{"dtype", name_of(entry.dtype)}, {"shape", entry.shape}, {"data_offsets", {begin, end}}};
    expect(header.emplace(entry.name, std::move(value)).second, "write_safetensors: two tensors are named ",
           printable(entry.name), "; give each a name of its own.");
    begin = end;
  }
  return header.dump();
}

}  // namespace detail

/// Writes tensors and free text as a safetensors file to a stream, the widest element types first, so that every
/// tensor is aligned to its elements; tensors of one width keep their order.
/// Throws std::invalid_argument, before anything is written, on two entries of one name, a name or text that is not
/// UTF-8, bytes that do not fit the shape, or a header of more than 100 MB. Whether all went out, the stream tells.
inline void write_safetensors(std::ostream& out, std::span<const TensorEntry> entries,
                              const std::map<std::string, std::string>& metadata = {}) {
  std::vector<TensorEntry> sorted(entries.begin(), entries.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const TensorEntry& a, const TensorEntry& b) { return bits_of(a.dtype) > bits_of(b.dtype); });
  std::string header = detail::header_json(sorted, metadata);
  header.append((8 - header.size() % 8) % 8, ' ');
  const std::uint64_t length = header.size();
  expect(length <= detail::longest_header, "write_safetensors: names, shapes and free text make a header of ", length,
         " bytes, but a file may have at most ", detail::longest_header, "; write several files.");
  out.write(reinterpret_cast<const char*>(&length), sizeof length);
  out.write(header.data(), static_cast<std::streamsize>(header.size()));
  for (const TensorEntry& entry : sorted) {
    out.write(reinterpret_cast<const char*>(entry.bytes.data()), static_cast<std::streamsize>(entry.bytes.size()));
  }
}

/// Writes a safetensors file such that a crash at any moment leaves the old file or the new one, whole (see write_file).
/// Throws as above, and std::system_error when the system cannot write the file.
inline void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> entries,
                              const std::map<std::string, std::string>& metadata = {}) {
  write_file(path, [&](std::ostream& out) { write_safetensors(out, entries, metadata); });
}

}  // namespace residual
