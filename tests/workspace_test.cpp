// Temporaries that are given back last taken first, from memory that only grows.
// group: core
#include "residual/core/workspace.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <optional>

#include "support/heap_count.hpp"

namespace {

using residual::Index;
using residual::Workspace;

template <class Temp>
bool overlap(const Temp& a, const Temp& b) {
  return a.data() < b.data() + b.size() && b.data() < a.data() + a.size();
}

TEST(Workspace, TemporariesDoNotOverlap) {
  Workspace<float> workspace;
  for (int pass = 0; pass < 3; ++pass) {
    auto a = workspace.temp(3, 5), b = workspace.temp(100, 7), c = workspace.zeros(1, 1);
    a.setConstant(1);
    b.setConstant(2);
    c.setConstant(3);
    EXPECT_FALSE(overlap(a, b) || overlap(b, c) || overlap(a, c));
    EXPECT_TRUE((a.array() == 1).all() && (b.array() == 2).all() && (c.array() == 3).all());
    EXPECT_EQ(a.rows(), 3);
    EXPECT_EQ(b.cols(), 7);
  }
}

TEST(Workspace, GivesTheSameMemoryAgain) {
  Workspace<double> workspace;
  { auto a = workspace.temp(10, 10), b = workspace.temp(20, 20); }
  const Index capacity = workspace.capacity();
  for (int pass = 0; pass < 5; ++pass) {
    auto a = workspace.temp(10, 10);
    const double* first = nullptr;
    for (int inner = 0; inner < 3; ++inner) {
      auto b = workspace.temp(20, 20);
      if (inner == 0) first = b.data();
      EXPECT_EQ(b.data(), first);
    }
  }
  EXPECT_EQ(workspace.capacity(), capacity);
}

/// What needed several pieces at first lies in one from the second pass on.
TEST(Workspace, GrowsToThePeakAndNoFurther) {
  Workspace<float> workspace;
  const auto pass = [&] {
    auto a = workspace.temp(16, 16);
    { auto b = workspace.temp(32, 32), c = workspace.temp(64, 16); }
    auto d = workspace.temp(16, 1);
  };
  pass();
  EXPECT_EQ(workspace.capacity(), 256 + 1024 + 1024);
  pass();
  EXPECT_EQ(workspace.capacity(), 256 + 1024 + 1024);
  { auto big = workspace.temp(100, 100); }
  EXPECT_EQ(workspace.capacity(), 10000);
  pass();
  EXPECT_EQ(workspace.capacity(), 10000);
}

/// A destructor that allocated could end the program.
TEST(Workspace, GivingBackAllocatesNothing) {
  Workspace<float> workspace;
  std::optional<Workspace<float>::Temp> a, b;
  a.emplace(workspace, 10, 10);
  b.emplace(workspace, 20, 20);
  EXPECT_EQ(test_support::allocations([&] {
              b.reset();
              a.reset();
            }),
            0);
}

/// The peak of a pass lies in one piece from the next on, even when its first temporary needs less.
TEST(Workspace, JoinsItsPiecesBeforeTheNextPass) {
  Workspace<float> workspace;
  const auto pass = [&] { auto a = workspace.temp(1, 16), b = workspace.temp(10, 16), c = workspace.temp(10, 16); };
  pass();
  { auto a = workspace.temp(1, 16); }
  EXPECT_EQ(workspace.capacity(), 21 * 16);
  EXPECT_EQ(test_support::allocations(pass), 0);
}

TEST(Workspace, SettledItJoinsNothingInTheNextPass) {
  Workspace<float> workspace;
  const auto pass = [&] { auto a = workspace.temp(1, 16), b = workspace.temp(10, 16); };
  pass();
  workspace.settle();
  EXPECT_EQ(workspace.capacity(), 11 * 16);
  EXPECT_EQ(test_support::allocations(pass), 0);
}

/// What is taken beyond a matrix's size, to end at a cache line, is given back with it.
TEST(Workspace, NeedsNoMoreForEveryPassOfOddSizes) {
  Workspace<float> workspace;
  const auto pass = [&] {
    { auto a = workspace.temp(1, 1), b = workspace.temp(3, 7); }
    workspace.settle();
  };
  pass();
  const Index capacity = workspace.capacity();
  for (int i = 0; i < 100; ++i) pass();
  EXPECT_EQ(workspace.capacity(), capacity);
}

/// Pieces that cannot be joined for want of memory are joined later.
TEST(Workspace, StaysUsableWhenMemoryRunsOut) {
  using test_support::Shortage;
  if (!test_support::refuses_malloc) GTEST_SKIP() << "malloc is not replaced on this platform";
  Workspace<double> workspace;
  const auto pass = [&] {
    auto a = workspace.temp(10, 8);
    a.setConstant(1);
    auto b = workspace.temp(20, 8);
    b.setConstant(2);
    EXPECT_FALSE(overlap(a, b));
    EXPECT_TRUE((a.array() == 1).all());
  };
  EXPECT_THROW(test_support::runs_short(1, Shortage::of_all, pass), std::bad_alloc) << "of the first pass";
  pass();
  EXPECT_TRUE(test_support::runs_short(0, Shortage::of_all, [&] { workspace.settle(); }));
  EXPECT_THROW(test_support::runs_short(0, Shortage::of_all, pass), std::bad_alloc) << "to join the pieces";
  pass();
  EXPECT_EQ(workspace.capacity(), 30 * 8);
  EXPECT_EQ(test_support::allocations(pass), 0);
}

/// The memory that is in use stays where it is when more is needed.
TEST(Workspace, GrowingMovesNothing) {
  Workspace<double> workspace;
  auto a = workspace.temp(5, 5);
  a.setConstant(4);
  const double* data = a.data();
  {
    auto b = workspace.temp(1000, 100);
    b.setConstant(5);
    auto c = workspace.temp(2000, 100);
    c.setConstant(6);
    EXPECT_TRUE((b.array() == 5).all());
  }
  EXPECT_EQ(a.data(), data);
  EXPECT_TRUE((a.array() == 4).all());
}

TEST(Workspace, StartsAtCacheLines) {
  Workspace<float> workspace;
  { auto all = workspace.temp(1000, 1); }
  auto first = workspace.temp(1, 1);
  for (const Index size : {1, 3, 16, 17}) {
    auto temp = workspace.temp(1, size), next = workspace.temp(1, 1);
    EXPECT_EQ((temp.data() - first.data()) % residual::cache_line<float>, 0);
    EXPECT_EQ((next.data() - first.data()) % residual::cache_line<float>, 0);
  }
}

TEST(Workspace, ZerosAreZero) {
  Workspace<float> workspace;
  { auto all = workspace.temp(100, 10); }
  workspace.fill(std::nanf(""));
  { EXPECT_TRUE(workspace.temp(10, 10).array().isNaN().all()) << "fill reaches what is taken later"; }
  EXPECT_TRUE((workspace.zeros(10, 10).array() == 0).all());
}

TEST(Workspace, KnowsEmptyMatrices) {
  Workspace<double> workspace;
  auto none = workspace.temp(0, 5), some = workspace.temp(2, 2), no_columns = workspace.zeros(5, 0);
  some.setConstant(1);
  EXPECT_EQ(none.rows(), 0);
  EXPECT_EQ(none.cols(), 5);
  EXPECT_EQ(no_columns.size(), 0);
}

/// Assigning to a temporary writes numbers; it never points elsewhere.
TEST(Workspace, AssignmentCopiesNumbers) {
  Workspace<double> workspace;
  auto a = workspace.temp(2, 2), b = workspace.temp(2, 2);
  b.setConstant(3);
  const double* data = a.data();
  a = b;
  b.setConstant(4);
  EXPECT_EQ(a.data(), data);
  EXPECT_TRUE((a.array() == 3).all());
}

}  // namespace
