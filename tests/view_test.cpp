// Windows onto matrices: they show, they write, they never copy.
// group: core
#include "residual/core/view.hpp"

#include <gtest/gtest.h>

#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::equal;

Tokens<double> counted(Index rows, Index cols) {
  Tokens<double> m(rows, cols);
  for (Index i = 0; i < m.size(); ++i) m.data()[i] = double(i);
  return m;
}

double corner(In<double> m) { return m(m.rows() - 1, m.cols() - 1); }
void write(Out<double> m, double value) { m.setConstant(value); }

TEST(In, ShowsTheMatrixItself) {
  Tokens<double> m = counted(4, 6);
  const In<double> all = m, block = m.block(1, 2, 2, 3), row = m.row(3);
  EXPECT_EQ(all.data(), m.data());
  EXPECT_EQ(block.data(), &m(1, 2));
  EXPECT_TRUE(equal(block, m.block(1, 2, 2, 3)));
  EXPECT_TRUE(equal(row, m.row(3)));
  m(1, 2) = -5;
  EXPECT_EQ(block(0, 0), -5);
  EXPECT_EQ(corner(m.topRows(2)), 11);
}

TEST(In, OfAVectorIsOneRow) {
  const Row<double> v = Row<double>::LinSpaced(4, 0, 3);
  const In<double> row = v;
  EXPECT_EQ(row.rows(), 1);
  EXPECT_EQ(row.cols(), 4);
  EXPECT_EQ(row(0, 3), 3);
}

TEST(In, CutsRowsAndColumns) {
  const Tokens<double> m = counted(5, 7);
  const In<double> all = m;
  EXPECT_TRUE(equal(all.rows_from(1, 3), m.middleRows(1, 3)));
  EXPECT_TRUE(equal(all.cols_from(2, 4), m.middleCols(2, 4)));
  EXPECT_TRUE(equal(all.rows_from(1, 3).cols_from(2, 4).rows_from(2, 1), m.block(3, 2, 1, 4)));
  EXPECT_EQ(all.rows_from(5, 0).rows(), 0);
  EXPECT_EQ(all.cols_from(2, 4).row_data(3), &m(3, 2));
}

TEST(In, MayBeEmpty) {
  const In<double> none;
  EXPECT_EQ(none.size(), 0);
  EXPECT_EQ(none.data(), nullptr);
  const Tokens<double> no_rows(0, 7);
  EXPECT_EQ(In<double>(no_rows).cols(), 7);
  EXPECT_EQ(offset<double>(nullptr, 3), nullptr);
}

TEST(Out, WritesTheMatrixItself) {
  Tokens<double> m = counted(4, 6);
  write(m.block(1, 2, 2, 3), -1);
  EXPECT_EQ((m.array() == -1).count(), 6);
  EXPECT_EQ(m(1, 2), -1);
  EXPECT_EQ(m(1, 5), 11);
  write(Out<double>(m).rows_from(3, 1).cols_from(0, 2), -2);
  EXPECT_EQ(m(3, 1), -2);
  EXPECT_EQ(m(3, 2), 20);
  write(Out<double>(m).cols_from(4, 2), -3);
  EXPECT_TRUE((m.rightCols(2).array() == -3).all());
  EXPECT_EQ((m.array() == -3).count(), 8);
}

TEST(Out, AssignmentWritesNumbersAndCopiesShare) {
  Tokens<double> m = counted(2, 3), other = Tokens<double>::Zero(2, 3);
  Out<double> a = m, b = other, again = a;
  b = a;
  EXPECT_EQ(b.data(), other.data());
  EXPECT_TRUE(equal(other, m));
  again(0, 0) = 99;
  EXPECT_EQ(m(0, 0), 99);
  EXPECT_EQ(other(0, 0), 0);
  b = 2 * a + b;
  EXPECT_EQ(other(1, 2), 15);
}

TEST(View, ShowsWhatItWasBoundTo) {
  Column<double> memory = Column<double>::LinSpaced(12, 0, 11);
  TokensView<double> tokens;
  RowView<double> row;
  ColumnView<double> column;
  EXPECT_EQ(tokens.size() + row.size() + column.size(), 0);
  tokens.bind(memory.data(), 3, 4);
  row.bind(memory.data() + 4, 1, 4);
  column.bind(memory.data() + 2, 5, 1);
  EXPECT_EQ(tokens(1, 0), 4);
  EXPECT_TRUE(equal(row, tokens.row(1)));
  EXPECT_EQ(column[4], 6);
  row = Row<double>::Constant(4, -3);
  EXPECT_TRUE((tokens.row(1).array() == -3).all());
}

TEST(View, MovesToTheSameMemory) {
  Column<double> memory = Column<double>::Zero(4);
  TokensView<double> view;
  view.bind(memory.data(), 2, 2);
  const TokensView<double> moved = std::move(view);
  EXPECT_EQ(moved.data(), memory.data());
}

}  // namespace
