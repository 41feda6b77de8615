#pragma once

#include <algorithm>
#include <atomic>
#include <future>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "residual/kernel/parallel.hpp"

namespace test_support {

using residual::Executor;
using residual::Index;
using residual::Task;

/// Passes the work on, and counts it.
class Counting final : public Executor {
 public:
  explicit Counting(const Executor& inner) : inner_(inner) {}

  Index threads() const override { return inner_.threads(); }
  void run(Index count, Task task) const override {
    if (count > 1) ++shared_runs_;
    tasks_ += count;
    inner_.run(count, task);
  }

  Index tasks() const { return tasks_; }
  /// How often there was more than one task.
  Index shared_runs() const { return shared_runs_; }

 private:
  const Executor& inner_;
  mutable std::atomic<Index> tasks_{0}, shared_runs_{0};
};

/// The last task first.
class Backwards final : public Executor {
 public:
  explicit Backwards(Index threads) : threads_(threads) {}
  Index threads() const override { return threads_; }
  void run(Index count, Task task) const override {
    for (Index i = count - 1; i >= 0; --i) task(i);
  }

 private:
  Index threads_;
};

/// Another order at every call.
class Shuffled final : public Executor {
 public:
  explicit Shuffled(Index threads) : threads_(threads) {}
  Index threads() const override { return threads_; }
  void run(Index count, Task task) const override {
    std::vector<Index> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), Index(0));
    std::shuffle(order.begin(), order.end(), std::mt19937(calls_++));
    for (const Index i : order) task(i);
  }

 private:
  Index threads_;
  mutable std::atomic<unsigned> calls_{1};
};

/// A pool of which now one thread is free, now many.
class Varying final : public Executor {
 public:
  Index threads() const override { return calls_++ % 3 == 0 ? 1 : 8; }
  void run(Index count, Task task) const override { residual::Serial::instance().run(count, task); }

 private:
  mutable std::atomic<Index> calls_{0};
};
/// A pool that is closed after some calls of `run`: the call that meets the end does half of its tasks, and throws.
class Closing final : public Executor {
 public:
  explicit Closing(Index threads) : threads_(threads) {}

  void close_after(Index calls) { left_ = calls; }
  Index threads() const override { return threads_; }
  void run(Index count, Task task) const override {
    const bool closed = left_-- <= 0;
    for (Index i = 0; i < (closed ? count / 2 : count); ++i) task(i);
    if (closed) throw std::runtime_error("The pool is closed.");
  }

 private:
  Index threads_;
  mutable Index left_ = std::numeric_limits<Index>::max();
};

/// A user's own: every task a std::async, at most `threads` at once.
class Async final : public Executor {
 public:
  explicit Async(Index threads) : threads_(threads) {}
  Index threads() const override { return threads_; }
  void run(Index count, Task task) const override {
    std::atomic<Index> next{0};
    std::vector<std::future<void>> futures;
    for (Index t = 0; t < std::min(count, threads_); ++t) {
      futures.push_back(std::async(std::launch::async, [&] {
        for (Index i = next++; i < count; i = next++) task(i);
      }));
    }
    for (auto& future : futures) future.get();
  }

 private:
  Index threads_;
};

}  // namespace test_support
