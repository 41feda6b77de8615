#pragma once

#include <string>
#include <vector>

#include "cell.hpp"
#include "scheme_names.hpp"

namespace study {

/// How much of the study is run.
struct Budget {
  std::vector<Index> depths;        ///< of E1
  Index fixed_depth;                ///< sub-layers of E1's fixed branches
  std::uint64_t start_seeds;        ///< of E1
  std::vector<Index> train_depths;  ///< of E3; E2 and E6 take the last
  std::vector<double> gains;        ///< of E3
  std::uint64_t seeds;              ///< of what trains
  Index steps, width, batch, length;
  std::vector<Index> translation_depths;  ///< of E4, layers a side
  std::vector<double> rates;              ///< of E4
  Index translation_steps;
};
/// quick: 10 minutes on two cores; full: two hours of one; tiny: seconds, for the test.
inline Budget budget_of(const std::string& name) {
  if (name == "tiny") return {{2, 3}, 6, 2, {2}, {1}, 2, 10, 8, 2, 8, {1}, {1e-3, 2e-3, 4e-3}, 10};
  if (name == "quick") return {{6, 24, 100}, 48, 3, {6, 12}, {1}, 2, 80, 32, 8, 32, {6}, {1e-3, 2e-3, 4e-3}, 60};
  return {{6, 18, 48, 100},
          96,
          10,
          {6, 12},
          {1, 0.3},
          3,
          300,
          32,
          8,
          32,
          {6, 12},
          {5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2},
          300};
}

namespace detail {

inline void add_start_cells(const Budget& b, const std::string& scheme, std::vector<Cell>& cells) {
  const auto add = [&](const std::string& task, Index depth, const std::string& init) {
    for (std::uint64_t seed = 1; seed <= b.start_seeds; ++seed) {
      Cell cell{.question = "E1", .scheme = scheme, .task = task, .depth = depth, .init = init, .seed = seed};
      cell.width = b.width, cell.length = b.length;
      cells.push_back(cell);
    }
  };
  for (const Index depth : b.depths) add("causal", depth, "xavier");
  const Index middle = b.depths[b.depths.size() / 2 - (b.depths.size() % 2 == 0)];
  for (const char* init : {"fairseq", "normal"}) add("causal", middle, init);
  for (const char* task : {"masked", "translation"}) add(task, middle, "xavier");
  if (scheme != "Post-LN" && scheme != "Pre-LN" && scheme != "ResiDual" && scheme != "DeepNorm") return;
  for (std::uint64_t seed = 1; seed <= b.start_seeds; ++seed) {  // the schemes with a closed form
    Cell cell{.question = "E1", .scheme = scheme, .task = "fixed", .depth = b.fixed_depth, .seed = seed};
    cell.init = "normal", cell.width = 8 * b.width, cell.batch = 1, cell.length = b.length;
    cells.push_back(cell);
  }
}

inline void add_training_cells(const Budget& b, const std::string& scheme, std::vector<Cell>& cells) {
  for (std::uint64_t seed = 1; seed <= b.seeds; ++seed) {
    Cell cell{.scheme = scheme, .depth = b.train_depths.back(), .steps = b.steps, .seed = seed};
    cell.width = b.width, cell.batch = b.batch, cell.length = b.length;
    cell.question = "E2", cell.warmup = 10;
    cells.push_back(cell);
    cell.question = "E6", cell.warmup = 0;
    cells.push_back(cell);
    cell.question = "E3";
    for (const Index depth : b.train_depths) {
      for (const double gain : b.gains) {
        for (const Index warmup : {0, 10}) {
          cell.depth = depth, cell.gain = gain, cell.warmup = warmup;
          cells.push_back(cell);
        }
      }
    }
    cell.question = "E5", cell.depth = 6, cell.gain = 1, cell.warmup = 0;
    cell.steps = b.width < 32 ? 3 : 15, cell.width = 2 * b.width;
    cells.push_back(cell);
  }
}

/// Of E4. Of the full budget's rates the three in the middle were chosen first; at 6 + 6 layers the best stood at their ends.
inline void add_translation_cells(const Budget& b, std::vector<Cell>& cells) {
  for (const Index depth : b.translation_depths) {
    for (std::uint64_t seed = 1; seed <= b.seeds; ++seed) {
      for (const double rate : b.rates) {
        for (const std::string& scheme : translating_schemes()) {
          Cell cell{.question = "E4", .scheme = scheme, .task = "sentences", .depth = depth, .init = "fairseq"};
          cell.warmup = 10, cell.steps = b.translation_steps, cell.seed = seed, cell.rate = rate;
          cell.width = 2 * b.width, cell.batch = 16, cell.length = 64;
          cells.push_back(cell);
        }
      }
    }
  }
}

}  // namespace detail

/// All cells of the budget, question by question; what is timed comes last. Those of E4 need sentence pairs.
inline std::vector<Cell> cells_of(const Budget& budget) {
  std::vector<Cell> cells, trained;
  for (const std::string& scheme : scheme_names()) {
    detail::add_start_cells(budget, scheme, cells);
    detail::add_training_cells(budget, scheme, trained);
  }
  detail::add_translation_cells(budget, trained);
  for (const char* question : {"E3", "E2", "E6", "E4", "E5"}) {
    for (const Cell& cell : trained) {
      if (cell.question == question) cells.push_back(cell);
    }
  }
  return cells;
}

}  // namespace study
