// What a checkpoint says of a run of examples/translation is checked before the run goes on.
// group: files
#include "../examples/translation/history.hpp"

#include <gtest/gtest.h>

#include "support/expect_sentence.hpp"
#include "support/folder.hpp"

namespace {

using test_support::expect_sentence;

/// 130 steps, of which two gradients were not finite; a loss every 60.
const History history_of_130{130, 1.5, {60, 120}, {3, 2}, {3.5, 2.5}};

void expect_possible(const History& history, Index optimizer_steps) {
  history.expect_possible("run", optimizer_steps, 60, 1000);
}
void expect_refused(const History& history, Index optimizer_steps = 0) {
  expect_sentence([&] { expect_possible(history, optimizer_steps); }, {"The checkpoint of run", "cannot be", "--out"});
}

TEST(Resumed, WhatARunCanHaveReachedGoesOn) {
  expect_possible(History{}, 0);
  expect_possible(history_of_130, 128);
  History longer = history_of_130;  // measured, too, where an earlier --steps ended
  longer.at = {60, 100, 120};
  expect_possible(longer, 130);
  longer.steps = 120;
  expect_possible(longer, 0);
}

TEST(Resumed, StepsAreThoseOfTheOptimizerAndInRange) {
  History history = history_of_130;
  expect_refused(history, 131);
  expect_refused(history, -1);
  history.steps = -5;
  expect_refused(history, -5);
  history.at = {};
  expect_refused(history, -5);
  history.steps = 1001;
  expect_refused(history);
}

TEST(Resumed, MeasurementsRiseAndAreOfStepsThatWereDone) {
  for (const std::vector<Index>& at : {std::vector<Index>{},
                                       {60},
                                       {120},
                                       {120, 60},
                                       {60, 60},
                                       {60, 60, 120},
                                       {-60, 120},
                                       {0, 60},
                                       {60, 120, 131},
                                       {60, 119},
                                       {60, 70, 65, 120}}) {
    History history = history_of_130;
    history.at = at;
    expect_refused(history, 130);
  }
}

/// Without that, a history of fewer losses than steps would be read beyond its end.
TEST(Resumed, HistoriesAreEquallyLong) {
  const test_support::Folder folder;
  const auto file = folder.path / "checkpoint";
  History written = history_of_130, read;
  written.held_out = {2.5};
  residual::Checkpoint unequal, state;
  unequal.add("run.steps", written.steps).add("run.sum", written.sum).add("run.at", written.at);
  unequal.add("run.training", written.training).add("run.held_out", written.held_out).save(file);
  read.list(state);
  EXPECT_THROW(state.load(file), residual::SafeTensorsError);
  EXPECT_EQ(read.steps, 0);
}

}  // namespace
