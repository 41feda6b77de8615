#pragma once

#include "residual/kernel/parallel.hpp"
#include "residual/kernel/rows.hpp"

namespace residual {

/// The rows of a matrix or of any Eigen expression, so that what reads them compiles once per scalar. It must not outlive the
/// expression. Only row i of a matrix may change between the calls for row i: LN(x + a, x) computes in place.
template <class S>
class RowSource {
 public:
  /// Refers to x.
  template <class X>
    requires std::same_as<typename X::Scalar, S> RowSource(const Eigen::DenseBase<X>& x)
        : rows_(x.rows()), cols_(x.cols()) {
      static_assert(
          (int(Eigen::internal::traits<X>::Flags) & int(Eigen::EvalBeforeNestingBit)) == 0,
          "A product cannot be read row by row: use product(...) of kernel/gemm.hpp, or store it in a matrix first.");
      if constexpr (RowMajorMemory<X, S>) {
        object_ = x.derived().data(), stride_ = x.derived().outerStride();
      } else {
        object_ = &x.derived(), compute_ = &compute<X>;
      }
    }

    /// How many there are.
    Index rows() const { return rows_; }
    /// Entries of each.
    Index cols() const { return cols_; }
    /// Row i: where it lies, or computed in `memory`.
    const S* row(Index i, S* memory) const {
      if (compute_ == nullptr) return static_cast<const S*>(object_) + i * stride_;
      compute_(object_, i, cols_, memory);
      return memory;
    }

   private:
    using Compute = void (*)(const void*, Index, Index, S*);

    template <class X>
    static void compute(const void* object, Index i, Index cols, S* to) {
      const PackReader<X> x(*static_cast<const X*>(object));
      each_pack<S>(cols, [&](Index j, auto n) { x.load(i, j, n).store(to + j, n); });
    }

    const void* object_ = nullptr;
    Compute compute_ = nullptr;
    Index stride_ = 0, rows_, cols_;
};

/// to = x, the rows spread over threads; row i of x may read row i of `to`.
template <class S>
void assign_rows(const Executor& executor, const RowSource<S>& x, Out<S> to) {
  parallel_ranges(executor, x.rows(), row_grain(x.cols()), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      S* const row = to.row_data(i);
      const S* const from = x.row(i, row);
      if (from != row) std::copy_n(from, x.cols(), row);
    }
  });
}

}  // namespace residual
