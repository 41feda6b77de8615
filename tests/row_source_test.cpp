// Rows of matrices and of Eigen expressions, read one by one and assigned on threads.
// group: core
#include "residual/kernel/row_source.hpp"

#include <gtest/gtest.h>

#include "support/every_scalar.hpp"
#include "support/executors.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using namespace test_support;

template <class S>
class RowSources : public testing::Test {};
TYPED_TEST_SUITE(RowSources, EveryScalar);

template <class S>
Tokens<S> counted(Index rows, Index cols) {
  Tokens<S> m(rows, cols);
  for (Index i = 0; i < m.size(); ++i) m.data()[i] = S(i);
  return m;
}

/// Whatever the expression: rows in memory, columns in memory, a sum, a window, one that Eigen has no packets for.
TYPED_TEST(RowSources, ReadAnyExpression) {
  using S = TypeParam;
  const Tokens<S> a = counted<S>(3, 75), b = Tokens<S>::Constant(3, 75, S(1000));
  const auto agrees = []<class X>(const Eigen::DenseBase<X>& x) {
    const RowSource<S> source(x);
    ASSERT_EQ(source.rows(), x.rows());
    ASSERT_EQ(source.cols(), x.cols());
    Row<S> memory(x.cols());
    for (Index i = 0; i < x.rows(); ++i) {
      const Row<S> got = Eigen::Map<const Row<S>>(source.row(i, memory.data()), x.cols()), expected = x.row(i);
      EXPECT_TRUE(same_bits(got, expected)) << "row " << i;
    }
  };
  agrees(a);
  agrees(Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>(a));
  agrees(a + b);
  agrees(a.block(1, 3, 2, 70));
  agrees(a.unaryExpr([](const S& v) { return v * S(2); }));
  agrees(a.cwiseProduct(a.row(1).replicate(3, 1)));
  agrees(Tokens<S>::Zero(3, 75));
  agrees(In<S>(a));
}

/// A matrix is read where it lies.
TYPED_TEST(RowSources, CopyNoMatrix) {
  using S = TypeParam;
  const Tokens<S> a = counted<S>(3, 5);
  const RowSource<S> window(a.block(1, 2, 2, 3));
  EXPECT_EQ(window.row(1, nullptr), &a(2, 2));
}

/// In place and on threads, where each range begins at a row of its own.
TYPED_TEST(RowSources, AreAssignedRowByRow) {
  using S = TypeParam;
  const Index rows = 1000, cols = 70;
  const Tokens<S> a = counted<S>(rows, cols);
  for (const Index threads : {1, 3}) {
    const Backwards executor(threads);
    Tokens<S> wide = Tokens<S>::Constant(rows, cols + 2, S(-1));
    Out<S> to = Out<S>(wide).cols_from(1, cols);
    assign_rows<S>(executor, a, to);
    assign_rows<S>(executor, a + to, to);
    EXPECT_TRUE(same_bits(Tokens<S>(to), Tokens<S>(a + a)));
    EXPECT_TRUE((wide.col(0).array() == S(-1)).all() && (wide.col(cols + 1).array() == S(-1)).all());
  }
}

}  // namespace
