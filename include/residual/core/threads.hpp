#pragma once

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#if __has_include(<Eigen/ThreadPool>)
#include <Eigen/ThreadPool>
#else
#include <unsupported/Eigen/CXX11/ThreadPool>
#endif

#include "residual/core/parallel.hpp"

namespace residual {

/// A pool of threads (Eigen's), of which the caller is one. Between two calls its workers spin for a moment, then sleep.
/// A task that calls `run` itself runs that part alone.
class Threads final : public Executor {
 public:
  /// `count` threads in all. Throws when it is less than 1.
  explicit Threads(Index count) : count_(count) {
    if (count < 1) {
      throw std::invalid_argument("Threads: " + std::to_string(count) + " threads were asked for; ask for 1 or more.");
    }
    if (count > 1) pool_ = std::make_unique<Eigen::ThreadPool>(int(count - 1));
  }

  Index threads() const override { return count_; }

  void run(Index count, Task task) const override {
    const bool nested = pool_ != nullptr && pool_->CurrentThreadId() >= 0;
    if (pool_ == nullptr || nested) return Serial::instance().run(count, task);
    Job job{task, count};
    const Index helpers = std::min(count, count_) - 1;
    job.helpers.store(helpers, std::memory_order_relaxed);
    for (Index i = 0; i < helpers; ++i) {
      pool_->Schedule([&job] { job.help(); });
    }
    job.work();
    job.wait();
  }

 private:
  struct Job {
    const Task& task;
    Index count;
    std::atomic<Index> next{0};
    std::atomic<Index> helpers{0};

    void work() {
      for (Index i = next.fetch_add(1, std::memory_order_relaxed); i < count;
           i = next.fetch_add(1, std::memory_order_relaxed)) {
        task(i);
      }
    }
    void help() {
      work();
      helpers.fetch_sub(1, std::memory_order_release);
    }
    void wait() const {
      while (helpers.load(std::memory_order_acquire) != 0) std::this_thread::yield();
    }
  };

  Index count_;
  std::unique_ptr<Eigen::ThreadPool> pool_;
};

}  // namespace residual
