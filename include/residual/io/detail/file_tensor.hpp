#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "residual/core/find_tensor.hpp"
#include "residual/io/name_map.hpp"

namespace residual::detail {

/// A tensor of a file and its place in a flat vector of parameters: [rows x cols] there, one row `stride` after the other.
struct FileTensor {
  std::string name = {};             ///< in the file
  std::vector<std::int64_t> shape;   ///< in the file
  Index offset, rows, cols, stride;  ///< its place in the flat vector
  bool transposed = false;           ///< [cols x rows] in the file; otherwise the same numbers in the same order
  bool may_lack = false;             ///< whether the file may be without it

  /// How many entries it has.
  Index size() const { return rows * cols; }
};

/// Outputs begin .. begin + size of a tensor, along the first dimension that it has in PyTorch.
inline FileTensor cut(const ManifestEntry& entry, Index begin, Index size, Stored stored) {
  const Index rows = entry.rows, cols = entry.cols, offset = entry.offset;
  if (entry.layout == Layout::transposed) {
    FileTensor tensor{.shape = {rows, size}, .offset = offset + begin, .rows = rows, .cols = size, .stride = cols};
    tensor.transposed = stored == Stored::as_pytorch;
    if (tensor.transposed) tensor.shape = {size, rows};
    return tensor;
  }
  if (entry.layout == Layout::matrix) {
    return {.shape = {size, cols}, .offset = offset + begin * cols, .rows = size, .cols = cols, .stride = cols};
  }
  return {.shape = {size}, .offset = offset + begin, .rows = 1, .cols = size, .stride = size};
}

/// The outputs of a tensor in `count` pieces: all, its parts or, where it has none, equal ones.
inline std::vector<TensorPart> pieces(const ManifestEntry& entry, Index count) {
  const Index outputs = entry.layout == Layout::transposed ? entry.cols
                        : entry.layout == Layout::matrix   ? entry.rows
                                                           : entry.size();
  const auto declared = Index(entry.parts.size());
  if (count > 1 && declared > 1) {
    expect(count == declared, "NameMap: ", entry.name, " has the parts ", names_of(entry.parts), ", but ", count,
           " names; give it one, or one for each part.");
    return entry.parts;
  }
  expect(outputs % count == 0, "NameMap: ", entry.name, " has ", outputs, " outputs, which are not ", count,
         " equal parts; give it another number of names.");
  const Index size = outputs / count;
  std::vector<TensorPart> equal;
  for (Index i = 0; i < count; ++i) equal.push_back({"", size, Projection::general, i * size});
  return equal;
}

/// The tensors of a file that holds a model's parameters under these names, in the order of the manifest. Throws
/// std::invalid_argument when the names give two tensors one name, or divide one into other parts than it has.
inline std::vector<FileTensor> file_tensors(const Manifest& manifest, const NameMap& names) {
  std::vector<FileTensor> tensors;
  std::set<std::string> seen;
  for (const ManifestEntry& entry : manifest) {
    const auto theirs = names.theirs(entry.name);
    const auto parts = pieces(entry, Index(theirs.size()));
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      expect(seen.insert(theirs[i]).second, "NameMap: ", printable(theirs[i]),
             " is the name of two tensors in the file, the second one of ", entry.name, "; give each its own.");
      tensors.push_back(cut(entry, parts[i].begin, parts[i].size, names.stored(entry.name)));
      tensors.back().name = theirs[i];
      tensors.back().may_lack = names.keeps(entry.name);
    }
  }
  return tensors;
}

}  // namespace residual::detail
