#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "golden/tensor.hpp"
#include "residual/core/batch.hpp"

namespace golden {

/// How a padded [batch x rows] block of tokens becomes a packed Batch. A token is needed when some query may attend to
/// it or when its own row of the output counts; each sequence ends at its last needed token, so padding is left out. A
/// hidden token before that stays, hidden.
class Packing {
 public:
  /// One entry a token, non-zero = yes; `counts` may be empty: no row.
  Packing(Index batch, Index rows, const std::vector<std::uint8_t>& hidden, const std::vector<std::uint8_t>& counts)
      : rows_(rows) {
    std::vector<Index> lengths;
    std::vector<std::uint8_t> packed_hidden;
    for (Index i = 0; i < batch; ++i) {
      Index length = 0;
      for (Index row = 0; row < rows; ++row) {
        const auto token = std::size_t(i * rows + row);
        needed_.push_back(hidden[token] == 0 || (!counts.empty() && counts[token] != 0));
        if (needed_.back() != 0) length = row + 1;
      }
      for (Index row = 0; row < length; ++row) packed_hidden.push_back(hidden[std::size_t(i * rows + row)]);
      lengths.push_back(length);
    }
    batch_ = residual::Batch::of(lengths);
    const auto seen = std::count(packed_hidden.begin(), packed_hidden.end(), 0);
    if (seen != std::ssize(packed_hidden)) batch_ = batch_.hiding(packed_hidden);
  }

  const residual::Batch& batch() const { return batch_; }

  /// The rows of a [batch, rows, d] tensor that belong to the batch. A token that is not needed and not finite stands
  /// for an absent one: it enters as zeros.
  template <class S>
  residual::Tokens<S> pack(const Tensor& tensor) const {
    const Index d = tensor.shape.back();
    residual::Tokens<S> packed(batch_.tokens(), d);
    each_row([&](Index row, Index padded) {
      const Eigen::Map<const residual::Row<double>> from(tensor.data.data() + padded * d, d);
      const bool absent = needed_[std::size_t(padded)] == 0 && !from.allFinite();
      if (absent) {
        packed.row(row).setZero();
      } else {
        packed.row(row) = from.template cast<S>();
      }
    });
    return packed;
  }

  /// The opposite: a [batch, rows, d] tensor, zero where no row of the batch stands.
  template <class S>
  Tensor unpack(residual::In<S> packed) const {
    const Index d = packed.cols(), batch = batch_.sequences();
    Tensor tensor{{batch, rows_, d}, std::vector<double>(std::size_t(batch * rows_ * d), 0.0)};
    each_row([&](Index row, Index padded) {
      Eigen::Map<residual::Row<double>>(tensor.data.data() + padded * d, d) = packed.row(row).template cast<double>();
    });
    return tensor;
  }

 private:
  /// Calls visit(row of the batch, row of the padded block).
  template <class Visit>
  void each_row(Visit&& visit) const {
    for (Index i = 0; i < batch_.sequences(); ++i) {
      for (Index row = 0; row < batch_.length(i); ++row) visit(batch_.begin(i) + row, i * rows_ + row);
    }
  }

  Index rows_;
  std::vector<std::uint8_t> needed_;
  residual::Batch batch_;
};

}  // namespace golden
