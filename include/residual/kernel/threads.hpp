#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/kernel/parallel.hpp"
#include "residual/kernel/worker.hpp"

namespace residual {

/// A pool of threads, of which the caller is one. After a call its workers spin for a moment, as many as there are processors
/// for, and then sleep; a call never waits for a worker that has not woken up in time to help. A task on a worker that calls
/// `run` itself runs that part alone, and so does a caller when very many others use the pool at the same time. In a child
/// process made by fork, which has no workers, the caller does everything.
class Threads final : public Executor {
 public:
  /// `count` threads in all. Throws when it is not 1 .. most_threads, and std::system_error, with no thread left behind,
  /// when the system refuses so many.
  explicit Threads(Index count) : count_(count) {
    expect(count >= 1 && count <= most_threads, "Threads: ", count, " threads were asked for; ask for 1 to ",
           most_threads, ".");
    workers_.reserve(std::size_t(count - 1));
    while (Index(workers_.size()) < count - 1) {
      const std::error_code refusal = workers_.emplace_back().start(&Shared::work, shared_.get());
      if (!refusal) continue;
      workers_.pop_back();
      end();
      refuse(refusal, "Threads: " + std::to_string(count) + " were asked for, but the system gives " +
                          std::to_string(workers_.size() + 1) +
                          "; ask for fewer, or raise its limit of threads or memory");
    }
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() override { end(); }

  Index threads() const override { return count_; }

  /// As Executor::run; throws when there are 2^32 tasks or more.
  void run(Index count, Task task) const override {
    expect(count <= Job::most_tasks, "Threads::run: ", count, " tasks were given, but one call takes up to ",
           Job::most_tasks, "; let each do more, or call it several times.");
    Job* job = nullptr;
    if (count_ > 1 && count > 1 && shared_of_this_worker() != shared_.get()) job = shared_->free_job();
    if (job == nullptr) return Serial::instance().run(count, task);
    const std::uint64_t ticket = job->open(count, task);
    shared_->call(std::min(count, count_) - 1);
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
    /// Takes part in whatever call there is.
    void help() { work(next.load(std::memory_order_acquire)); }
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
        if (spins > 10000) std::this_thread::yield();
      }
    }
  };

  /// What caller and workers share.
  struct Shared {
    std::array<Job, 16> jobs;
    std::atomic<std::uint32_t> calls{0};  ///< on which idle workers wait
    std::atomic<Index> spinning{0};       ///< workers that look for a call and need not be woken up
    std::atomic<bool> ended{false};
    /// Workers beside which a caller has a processor for itself.
    const Index most_spinning = Index(std::max(std::thread::hardware_concurrency(), 1U)) - 1;

    Job* free_job() {
      for (Job& job : jobs) {
        if (!job.taken.exchange(true, std::memory_order_acquire)) return &job;
      }
      return nullptr;
    }
    /// Calls so many workers to a job that is open.
    void call(Index helpers) {
      calls.fetch_add(1, std::memory_order_seq_cst);
      for (Index i = spinning.load(std::memory_order_seq_cst); i < helpers; ++i) calls.notify_one();
    }
    /// Returns when there has been a call since the one with number `last`, with the number of the last one.
    std::uint32_t wait_for_call(std::uint32_t last) {
      if (spinning.fetch_add(1, std::memory_order_seq_cst) < most_spinning) {
        const auto until = std::chrono::steady_clock::now() + spinning_time;
        while (calls.load(std::memory_order_relaxed) == last && std::chrono::steady_clock::now() < until) continue;
      }
      spinning.fetch_sub(1, std::memory_order_seq_cst);  // a call that counted this worker is seen by what follows
      calls.wait(last, std::memory_order_seq_cst);
      return calls.load(std::memory_order_acquire);
    }
    static void* work(void* shared) {
      Shared& s = *static_cast<Shared*>(shared);
      shared_of_this_worker() = &s;
      for (std::uint32_t last = 0; !s.ended.load(std::memory_order_relaxed); last = s.wait_for_call(last)) {
        for (Job& job : s.jobs) job.help();
      }
      return nullptr;
    }
    /// About twice what waking up takes, and longer than what most programs do between two calls of a model.
    static constexpr std::chrono::microseconds spinning_time{50};
  };

  /// Throws, or where nothing can be thrown prints the sentence and aborts.
  [[noreturn]] static void refuse(std::error_code why, const std::string& sentence) {
#ifdef __cpp_exceptions
    throw std::system_error(why, sentence);
#else
    std::fprintf(stderr, "%s: %s\n", sentence.c_str(), why.message().c_str());
    std::abort();
#endif
  }

  /// Where this thread is a worker; nullptr elsewhere.
  static const Shared*& shared_of_this_worker() {
    thread_local const Shared* shared = nullptr;
    return shared;
  }

  void end() {
    if (workers_.empty() || !workers_.front().in_this_process()) return;
    shared_->ended.store(true, std::memory_order_relaxed);
    shared_->calls.fetch_add(1, std::memory_order_seq_cst);
    shared_->calls.notify_all();
    for (Worker& worker : workers_) worker.join();
  }

  Index count_;
  std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
  std::vector<Worker> workers_;
};

}  // namespace residual
