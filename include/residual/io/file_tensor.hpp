#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "residual/core/carver.hpp"
#include "residual/io/name_map.hpp"

namespace residual {

/// A tensor of a file and its place in a flat vector of parameters: [rows x cols] there, one row `stride` after the other.
struct FileTensor {
  std::string name;
  std::vector<std::int64_t> shape;  ///< in the file
  Index offset, rows, cols, stride;
  bool transposed;  ///< [cols x rows] in the file; otherwise the same numbers in the same order

  Index size() const { return rows * cols; }
};

namespace detail {

/// Part i of `count` equal parts of a tensor, along the first dimension that it has in the file.
inline FileTensor part(const ManifestEntry& entry, Index i, Index count, std::string name) {
  if (entry.layout == Layout::transposed) {
    const Index cols = entry.cols / count;
    return {std::move(name), {cols, entry.rows}, entry.offset + i * cols, entry.rows, cols, entry.cols, true};
  }
  if (entry.layout == Layout::matrix) {
    const Index rows = entry.rows / count, size = rows * entry.cols;
    return {std::move(name), {rows, entry.cols}, entry.offset + i * size, rows, entry.cols, entry.cols, false};
  }
  const Index size = entry.size() / count;
  return {std::move(name), {size}, entry.offset + i * size, 1, size, size, false};
}

}  // namespace detail

/// The tensors of a file that holds a model's parameters under these names, in the order of the manifest. Throws
/// std::invalid_argument when the names give two tensors one name, or divide one into parts that are not equal.
inline std::vector<FileTensor> file_tensors(const Manifest& manifest, const NameMap& names) {
  std::vector<FileTensor> tensors;
  std::set<std::string> seen;
  for (const ManifestEntry& entry : manifest) {
    const auto theirs = names.theirs(entry.name);
    const Index parts = Index(theirs.size()), outputs = entry.layout == Layout::transposed ? entry.cols
                                                        : entry.layout == Layout::matrix   ? entry.rows
                                                                                           : entry.size();
    expect(outputs % parts == 0, "NameMap: ", entry.name, " has ", outputs, " outputs, which are not ", parts,
           " equal parts; give it another number of names.");
    for (Index i = 0; i < parts; ++i) {
      const std::string& name = theirs[std::size_t(i)];
      expect(seen.insert(name).second, "NameMap: \"", name,
             "\" is the name of two tensors in the file, the second one of ", entry.name, "; give each its own.");
      tensors.push_back(detail::part(entry, i, parts, name));
    }
  }
  return tensors;
}

}  // namespace residual
