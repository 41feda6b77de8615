// One walk over a tree of views measures, binds or names it.
#include "residual/core/carver.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace {

using namespace residual;

struct Leaf {
  RowView<double> gain;
  void carve(Carver<double>& c, Index dim) { c("gain", gain, dim); }
};
struct Tree {
  TokensView<double> table, absent;
  WeightView<double> weight;
  ColumnView<double> column;
  std::vector<Leaf> leaves;
  Leaf own;

  void carve(Carver<double>& c, Index dim) {
    c("table", table, 3, dim);
    c.weight("weight", weight, dim, 2);
    c("absent", absent, 0, dim);
    c("column", column, 4);
    leaves.resize(2);
    for (Index i = 0; i < 2; ++i) c.numbered("leaves.", i, ".", leaves[std::size_t(i)], dim);
    c("own.", own, dim);
  }
};

constexpr Index dim = 5, size = 3 * dim + 2 * dim + 4 + 3 * dim;

TEST(Carver, MeasuresWithoutMemory) {
  Tree tree;
  Carver<double> measure;
  tree.carve(measure, dim);
  EXPECT_EQ(measure.size(), size);
  EXPECT_EQ(tree.table.data(), nullptr);
  EXPECT_EQ(tree.table.rows(), 3);
}

TEST(Carver, BindsEveryViewToItsOwnPiece) {
  Column<double> memory = Column<double>::LinSpaced(size, 0, double(size - 1));
  Tree tree;
  Carver<double> bind(memory.data());
  tree.carve(bind, dim);
  EXPECT_EQ(tree.table(0, 0), 0);
  EXPECT_EQ(tree.table(1, 0), dim) << "tables are row-major";
  EXPECT_EQ(tree.weight(0, 0), 3 * dim);
  EXPECT_EQ(tree.weight.rows(), dim);
  EXPECT_EQ(tree.weight.cols(), 2);
  EXPECT_EQ(tree.absent.size(), 0);
  EXPECT_EQ(tree.column[3], 5 * dim + 3);
  EXPECT_EQ(tree.leaves[0].gain[0], 5 * dim + 4);
  EXPECT_EQ(tree.leaves[1].gain[4], 7 * dim + 3);
  EXPECT_EQ(&tree.own.gain[dim - 1], memory.data() + size - 1);
  tree.own.gain.setConstant(-1);
  EXPECT_EQ(memory.tail(dim), Column<double>::Constant(dim, -1));
}

TEST(Carver, NamesEveryTensorThatHasEntries) {
  Tree tree;
  Manifest manifest;
  Carver<double> name(nullptr, 1, &manifest);
  tree.carve(name, dim);
  const Manifest expected = {
      {"table", 0, 3, dim, Layout::matrix},
      {"weight", 3 * dim, dim, 2, Layout::transposed},
      {"column", 5 * dim, 4, 1, Layout::vector},
      {"leaves.0.gain", 5 * dim + 4, 1, dim, Layout::vector},
      {"leaves.1.gain", 6 * dim + 4, 1, dim, Layout::vector},
      {"own.gain", 7 * dim + 4, 1, dim, Layout::vector},
  };
  EXPECT_EQ(manifest, expected);
}

TEST(Carver, StartsEveryViewAtTheAlignment) {
  Tree tree;
  Column<double> memory(200);
  Carver<double> bind(memory.data(), 8);
  tree.carve(bind, dim);
  for (const double* start : {tree.table.data(), tree.weight.data(), tree.column.data(), tree.leaves[0].gain.data(),
                              tree.leaves[1].gain.data(), tree.own.gain.data()}) {
    EXPECT_EQ((start - memory.data()) % 8, 0);
  }
  EXPECT_EQ(bind.size(), 16 + 16 + 8 + 8 + 8 + dim);
}

}  // namespace
