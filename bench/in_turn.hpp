#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "measure.hpp"
#include "residual/metrics/intervals.hpp"

namespace bench {

/// Something that is timed beside others.
struct Contestant {
  std::string name;
  std::function<void()> run;
};

/// Runs all in turn, a round each, where another one goes first each time. The counters are medians over the rounds: NAME_us,
/// and for all but the first NAME, its time over the first one's. The benchmark's own time is that of a round of all.
inline void time_in_turn(benchmark::State& state, const std::vector<Contestant>& all) {
  for (const auto& one : all) one.run();  // memory grows
  const std::size_t count = all.size();
  std::vector<std::vector<double>> times(count), ratios(count);
  for (auto _ : state) {
    const std::size_t first = times[0].size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t k = (first + i) % count;
      const auto start = std::chrono::steady_clock::now();
      all[k].run();
      times[k].push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    }
    for (std::size_t k = 1; k < count; ++k) ratios[k].push_back(times[k].back() / times[0].back());
  }
  for (std::size_t k = 0; k < count; ++k) {
    state.counters[all[k].name + "_us"] = residual::median(times[k]);
    if (k > 0) state.counters[all[k].name] = residual::median(ratios[k]);
  }
}

}  // namespace bench
