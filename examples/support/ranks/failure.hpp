#pragma once

#include <CLI/CLI.hpp>

#include "ranks.hpp"

/// A failure that the command line asks for, for tests of what the other ranks do.
struct Failure {
  int rank = -1;
  residual::Index step = 0;

  void add_to(CLI::App& app) {
    app.add_option("--fail-rank", rank, "for tests: this rank fails ...")->group("Tests");
    app.add_option("--fail-step", step, "... in this step, from 0")->group("Tests");
  }
  /// Throws in the step and on the rank that were named.
  void expect_none(const Ranks& ranks, residual::Index now) const {
    residual::expect(ranks.own() != rank || now != step, "This rank was told to fail in step ", now, ", and does.");
  }
};
