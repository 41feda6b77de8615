#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace residual::detail {

/// Elements to insert, remove or replace on the way from a to b (Levenshtein's distance).
template <class A, class B>
std::size_t edits(const A& a, const B& b) {
  std::vector<std::size_t> row(b.size() + 1);  // from the first i elements of a to the first j of b
  std::iota(row.begin(), row.end(), std::size_t(0));
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace residual::detail
