#pragma once

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "problem.hpp"
#include "results.hpp"

namespace peers {

/// One implementation with one problem in memory.
class Contestant {
 public:
  virtual ~Contestant() = default;
  /// One inference, or one training step: zeroed gradients, forward, backward.
  virtual void step() = 0;
  virtual Results results() = 0;
};

/// Adds the seconds of each of `count` steps to the times.
inline void time_each(Contestant& contestant, int count, std::vector<double>& times) {
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < count; ++i) {
    const auto start = Clock::now();
    contestant.step();
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
}

/// Seconds of one step: the median over `count`, after `warm_up` others.
inline double seconds(Contestant& contestant, int count, int warm_up) {
  for (int i = 0; i < warm_up; ++i) contestant.step();
  std::vector<double> times;
  time_each(contestant, count, times);
  std::nth_element(times.begin(), times.begin() + count / 2, times.end());
  return times[std::size_t(count / 2)];
}

/// A line of /proc/self/status in KiB.
inline long status_kib(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    long kib = 0;
    if (word == key && status >> kib) return kib;
  }
  return 0;
}

/// Answers the driver's lines on standard input, one line each:
///
///     load PROBLEM THREADS    takes the problem into memory           -> ok
///     time COUNT WARM_UP      median of COUNT steps                   -> seconds
///     latency COUNT           times each of COUNT steps               -> how many have been timed since load
///     percentiles             -> seconds that 50, 99, 99.9 and 100 % of these took at most
///     save RESULTS            a step, then writes what it computed    -> ok
///     memory COUNT            COUNT steps                             -> KiB in use before, KiB at the peak
template <class Make>
int serve(Make make) {
  std::unique_ptr<Contestant> contestant;
  std::vector<double> latencies;
  std::cout.precision(9);
  for (std::string command; std::cin >> command;) {
    try {
      if (command == "load") {
        std::string path;
        int threads = 0;
        std::cin >> path >> threads;
        contestant.reset();
        contestant = make(path, threads);
        latencies.clear();
        std::cout << "ok" << std::endl;
      } else if (command == "time") {
        int count = 0, warm_up = 0;
        std::cin >> count >> warm_up;
        std::cout << seconds(*contestant, count, warm_up) << std::endl;
      } else if (command == "latency") {
        int count = 0;
        std::cin >> count;
        time_each(*contestant, count, latencies);
        std::cout << latencies.size() << std::endl;
      } else if (command == "percentiles") {
        std::sort(latencies.begin(), latencies.end());
        for (const double share : {0.5, 0.99, 0.999}) {
          std::cout << latencies[std::size_t(share * double(latencies.size() - 1))] << ' ';
        }
        std::cout << latencies.back() << std::endl;
      } else if (command == "save") {
        std::string path;
        std::cin >> path;
        contestant->step();
        contestant->results().write(path);
        std::cout << "ok" << std::endl;
      } else if (command == "memory") {
        int count = 0;
        std::cin >> count;
        malloc_trim(0);                               // what loading left behind must not hide what steps need
        std::ofstream("/proc/self/clear_refs") << 5;  // the peak starts anew
        const long before = status_kib("VmRSS:");
        for (int i = 0; i < count; ++i) contestant->step();
        std::cout << before << ' ' << status_kib("VmHWM:") << std::endl;
      } else {
        throw std::invalid_argument("unknown command " + command);
      }
    } catch (const std::exception& error) {
      std::string what = error.what();
      std::replace(what.begin(), what.end(), '\n', ' ');
      std::cout << "error " << what << std::endl;
    }
  }
  return 0;
}

}  // namespace peers
