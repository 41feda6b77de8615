#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "residual/core/batch.hpp"
#include "residual/io/safetensors.hpp"

namespace peers {

using residual::Index;

/// What every contestant computes: an encoder with its weights, its input x and, for training, the gradient dy of its
/// output. The file names its weights as a PyTorch state_dict does; x and dy have one token a row, without padding.
class Problem {
 public:
  explicit Problem(const std::string& path) : file_(path) {
    std::istringstream lengths_text(text("lengths"));
    for (Index length; lengths_text >> length;) lengths.push_back(length);
  }

  std::string scheme() const { return text("scheme"); }
  bool training() const { return text("mode") == "train"; }
  Index dim() const { return number("dim"); }
  Index heads() const { return number("heads"); }
  Index hidden() const { return number("hidden"); }
  Index depth() const { return number("depth"); }
  residual::Batch batch() const { return residual::Batch::of(lengths); }

  /// The tensor of that name, row-major.
  std::vector<float> tensor(const std::string& name) const {
    const auto& info = file_.at(name);
    std::vector<float> values(std::size_t(info.elements()));
    file_.read<float>(info, values);
    return values;
  }

  std::vector<Index> lengths;

 private:
  std::string text(const std::string& key) const { return file_.metadata().at(key); }
  Index number(const std::string& key) const { return std::stol(text(key)); }

  residual::SafeTensors file_;
};

/// Copies the rows of sequences packed one after another to `row(sequence, position)`, or back when `to_packed`.
template <class Row>
void copy_rows(const residual::Batch& batch, Index dim, float* packed, bool to_packed, Row row) {
  for (Index i = 0; i < batch.sequences(); ++i) {
    for (Index j = 0; j < batch.length(i); ++j, packed += dim) {
      float* padded = row(i, j);
      std::copy_n(to_packed ? padded : packed, dim, to_packed ? packed : padded);
    }
  }
}

}  // namespace peers
