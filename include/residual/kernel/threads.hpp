#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#if __has_include(<Eigen/ThreadPool>)
#include <Eigen/ThreadPool>
#else
#include <unsupported/Eigen/CXX11/ThreadPool>
#endif

#include "residual/core/check.hpp"
#include "residual/kernel/parallel.hpp"

namespace residual {

/// A pool of threads (Eigen's), of which the caller is one. Between two calls its workers spin for a moment, then sleep;
/// a call never waits for a worker that has not woken up in time to help. A task on a worker that calls `run` itself runs
/// that part alone, and so does a caller when very many others use the pool at the same time.
class Threads final : public Executor {
 public:
  /// `count` threads in all. Throws when it is not 1 .. most_threads.
  explicit Threads(Index count) : count_(count) {
    expect(count >= 1 && count <= most_threads, "Threads: ", count, " threads were asked for; ask for 1 to ",
           most_threads, ".");
    if (count > 1) pool_ = std::make_unique<Eigen::ThreadPool>(int(count - 1));
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  Index threads() const override { return count_; }

  /// As Executor::run; throws when there are 2^32 tasks or more.
  void run(Index count, Task task) const override {
    expect(count <= Job::most_tasks, "Threads::run: ", count, " tasks were given, but one call takes up to ",
           Job::most_tasks, "; let each do more, or call it several times.");
    Job* job = nullptr;
    if (pool_ != nullptr && count > 1 && pool_->CurrentThreadId() < 0) job = free_job();
    if (job == nullptr) return Serial::instance().run(count, task);
    const std::uint64_t ticket = job->open(count, task);
    for (Index i = 0; i < std::min(count, count_) - 1; ++i) {
      pool_->Schedule([job, ticket] { job->work(ticket); });
    }
    job->work(ticket);
    job->wait();
    job->taken.store(false, std::memory_order_release);
  }

 private:
  /// One call of `run`. Its memory outlives the call, since a worker may look at it late: a ticket tells which call it
  /// means (upper half) and how many tasks nobody has taken yet (lower half), so a late worker finds that its call is
  /// over. Nothing else decides whether there is a task to take: all else may belong to the next call already.
  struct Job {
    std::atomic<bool> taken{false};
    std::atomic<std::uint64_t> next{0};
    std::atomic<Index> left{0};
    std::atomic<const Task*> task{nullptr};

    static constexpr Index most_tasks = 0xffffffff;
    static constexpr std::uint64_t call_of(std::uint64_t ticket) { return ticket >> 32; }
    static constexpr Index untaken(std::uint64_t ticket) { return Index(ticket & std::uint64_t(most_tasks)); }

    std::uint64_t open(Index tasks, const Task& what) {
      left.store(tasks, std::memory_order_relaxed);
      task.store(&what, std::memory_order_relaxed);
      const std::uint64_t ticket = ((call_of(next.load(std::memory_order_relaxed)) + 1) << 32) + std::uint64_t(tasks);
      next.store(ticket, std::memory_order_release);
      return ticket;
    }
    void work(std::uint64_t call) {
      auto ticket = next.load(std::memory_order_acquire);
      while (call_of(ticket) == call_of(call) && untaken(ticket) > 0) {
        const Task* what = task.load(std::memory_order_relaxed);
        if (!next.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel)) continue;
        (*what)(untaken(ticket) - 1);
        left.fetch_sub(1, std::memory_order_release);
        ticket = next.load(std::memory_order_acquire);
      }
    }
    void wait() const {
      for (int spins = 0; left.load(std::memory_order_acquire) != 0; ++spins) {
        if (spins > 1000) std::this_thread::yield();
      }
    }
  };

  Job* free_job() const {
    for (auto& job : *jobs_) {
      if (!job.taken.exchange(true, std::memory_order_acquire)) return &job;
    }
    return nullptr;
  }

  Index count_;
  std::unique_ptr<std::array<Job, 16>> jobs_ = std::make_unique<std::array<Job, 16>>();
  std::unique_ptr<Eigen::ThreadPool> pool_;  // ends, and with it every late worker, before the jobs do
};

}  // namespace residual
