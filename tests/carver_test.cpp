// One walk over a tree of views measures, binds or names it.
// group: core
#include "residual/core/carver.hpp"

#include <gtest/gtest.h>

#include "support/expect_sentence.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;

struct Leaf {
  RowView<double> gain;
  void carve(Carver<double>& c, Index dim) { c("gain", gain, dim, starts::ones()); }
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
    for (Index i = 0; i < 2; ++i) c.within("leaves.", i, ".", [&] { leaves[std::size_t(i)].carve(c, dim); });
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
      {"weight", 3 * dim, dim, 2, Layout::transposed, Role::weight, {{"", 2}}, dim},
      {"column", 5 * dim, 4, 1, Layout::vector},
      {"leaves.0.gain", 5 * dim + 4, 1, dim, Layout::vector, Role::own, {}, 0, starts::ones()},
      {"leaves.1.gain", 6 * dim + 4, 1, dim, Layout::vector, Role::own, {}, 0, starts::ones()},
      {"own.gain", 7 * dim + 4, 1, dim, Layout::vector, Role::own, {}, 0, starts::ones()},
  };
  EXPECT_EQ(manifest, expected);
}

/// Maps with parts and without, an embedding, and what a scheme may own.
struct Kinds {
  WeightView<double> in_proj, plain, down;
  RowView<double> in_bias, plain_bias, no_bias, prompt;
  TokensView<double> words, mixing;
  ColumnView<double> choice;

  void carve(Carver<double>& c, Index d) {
    const std::initializer_list<TensorPart> parts = {
        {"q", d, Projection::query}, {"k", 2, Projection::key}, {"v", 3, Projection::value}};
    c.weight("in_proj", in_proj, d, parts);
    c.bias("in_bias", in_bias, parts, d);
    c.weight("plain", plain, 2, 3);
    c.bias("plain_bias", plain_bias, 3, 2);
    c.bias("no_bias", no_bias, {}, 2);
    c.weight("down", down, 4, 2, Projection::down);
    c.table("words", words, 6, 2);
    c("mixing", mixing, 2, 2, starts::identity().decaying());
    c("choice", choice, 3, starts::one_hot(1));
    c("prompt", prompt, 2, starts::at(0.5));
  }
};

TEST(Carver, WritesDownWhatEveryTensorIs) {
  Kinds tree;
  Manifest manifest;
  Carver<double> name(nullptr, 1, &manifest);
  tree.carve(name, dim);
  const auto qkv = [](Index q) {
    return std::vector<TensorPart>{
        {"q", q, Projection::query, 0}, {"k", 2, Projection::key, q}, {"v", 3, Projection::value, q + 2}};
  };
  const auto one = [](Index outputs, Projection projection = Projection::general) {
    return std::vector<TensorPart>{{"", outputs, projection, 0}};
  };
  const Manifest expected = {
      {"in_proj", 0, dim, 10, Layout::transposed, Role::weight, qkv(dim), dim},
      {"in_bias", 50, 1, 10, Layout::vector, Role::bias, qkv(dim), dim},
      {"plain", 60, 2, 3, Layout::transposed, Role::weight, one(3), 2},
      {"plain_bias", 66, 1, 3, Layout::vector, Role::bias, one(3), 2},
      {"down", 69, 4, 2, Layout::transposed, Role::weight, one(2, Projection::down), 4},
      {"words", 77, 6, 2, Layout::matrix, Role::embedding, one(2)},
      {"mixing", 89, 2, 2, Layout::matrix, Role::own, {}, 0, starts::identity().decaying()},
      {"choice", 93, 3, 1, Layout::vector, Role::own, {}, 0, starts::one_hot(1)},
      {"prompt", 96, 1, 2, Layout::vector, Role::own, {}, 0, starts::at(0.5)},
  };
  EXPECT_EQ(manifest, expected);
  EXPECT_EQ(tree.in_proj.cols(), 10);
  EXPECT_EQ(tree.no_bias.size(), 0);
}

TEST(Carver, WhatStartsDifferentlyIsNotEqual) {
  EXPECT_EQ(starts::zeros(), starts::at(0));
  EXPECT_NE(starts::zeros(), starts::ones());
  EXPECT_NE(starts::ones(), starts::identity());
  EXPECT_NE(starts::one_hot(0), starts::one_hot(1));
  EXPECT_NE(starts::zeros(), starts::zeros().decaying());
}

TEST(Carver, NamesWhatIsListedWithinANumberedPlace) {
  Leaf a, b;
  Manifest manifest;
  Carver<double> name(nullptr, 1, &manifest);
  name.within("layers.", 12, ".", [&] {
    a.carve(name, dim);
    name("own.", b, dim);
  });
  ASSERT_EQ(manifest.size(), 2u);
  EXPECT_EQ(manifest[0].name, "layers.12.gain");
  EXPECT_EQ(manifest[1].name, "layers.12.own.gain");
  a.carve(name, dim);
  EXPECT_EQ(manifest[2].name, "gain") << "behind the place its name is over";
}

TEST(Carver, GoesBackToMemoryThatOthersHave) {
  RowView<double> first, long_one, short_one, last;
  Column<double> memory(64);
  Carver<double> c(memory.data(), 8);
  c("first", first, 3);
  EXPECT_EQ(c.size(), 3);
  const Index begin = c.size();
  c("long", long_one, 20);
  EXPECT_EQ(c.size(), 28);
  c.go_to(begin);
  EXPECT_EQ(c.size(), 28) << "what the views so far need";
  c("short", short_one, 5);
  EXPECT_EQ(c.size(), 28);
  EXPECT_EQ(short_one.data(), long_one.data());
  EXPECT_EQ(long_one.data(), memory.data() + 8);
  c.go_to(c.size());
  c("last", last, 2);
  EXPECT_EQ(last.data(), memory.data() + 32);
  EXPECT_EQ(c.size(), 34);
}

TEST(Carver, AWeightThatIsBoundAnewHasNoPanels) {
  WeightView<double> weight;
  Column<double> memory(6);
  weight.panels = memory.data();
  Carver<double>(memory.data()).weight("weight", weight, 2, 3);
  EXPECT_EQ(weight.panels, nullptr);
}

TEST(Carver, RefusesWhatNoMemoryHolds) {
  constexpr Index most = std::numeric_limits<Index>::max(), power = Index(1) << 62;
  TokensView<double> small, view;
  WeightView<double> weight;
  Carver<double> c;
  c("small", small, 2, 3);
  expect_sentence([&] { c.weight("up", weight, 4, power); },
                  {"up is [4 x " + std::to_string(power) + "]", "behind 6 numbers", "no memory holds"});
  expect_sentence([&] { c("product", view, Index(1) << 32, Index(1) << 32); },
                  {"product is [4294967296 x 4294967296]"});
  expect_sentence([&] { c("row", view, 1, most); }, {"row is [1 x "});
  expect_sentence([&] { c("negative", view, -1, 2); }, {"negative is [-1 x 2]"});
  EXPECT_EQ(c.size(), 6);
  EXPECT_EQ(view.rows(), 0);
  c("none", view, 0, most);
  EXPECT_EQ(c.size(), 6);
  c("large", view, 1, most / 32);
  c("as_large", view, 1, most / 32);
  expect_sentence([&] { c("sum", view, 1, most / 16); }, {"sum is [1 x "});

  Manifest manifest;
  Carver<double> name(nullptr, 1, &manifest);
  expect_sentence([&] { name.within("layers.", 3, ".", [&] { name("gate", view, power, 4); }); },
                  {"The tensor layers.3.gate is ["});
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
