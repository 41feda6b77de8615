#pragma once

#include <chrono>
#include <cstdio>
#include <exception>
#include <mutex>
#include <vector>

#include "../support/interrupt.hpp"
#include "../support/text.hpp"
#include "E4.hpp"
#include "measure.hpp"
#include "residual/kernel/threads.hpp"
#include "results.hpp"

namespace study {

/// Runs cells that have no result yet, and says on stderr which.
class Runner {
 public:
  /// `pairs` may be null where no cell is of E4.
  Runner(const Results& results, const Origin& origin, const Text& text, const SentencePairs* pairs)
      : results_(results), origin_(origin), text_(text), pairs_(pairs) {}

  /// Runs them on `jobs` threads until all are done or somebody asks to stop; an exception in one of them is thrown here. Throws,
  /// before the first, when the system refuses so many threads.
  void run(const std::vector<Cell>& cells, Index jobs) {
    cells_ = &cells;
    next_ = 0;
    residual::Threads(jobs).run(jobs, [&](Index) { work(); });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void work() {
    while (const Cell* cell = take()) {
      try {
        const auto start = std::chrono::steady_clock::now();
        const Json measured = cell->question == "E4" ? pairs_->translates(*cell) : measure(*cell, text_);
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        const std::lock_guard lock(mutex_);
        results_.add(*cell, origin_, seconds, measured);
        std::fprintf(stderr, "[%zu/%zu] %s, %.1f s\n", next_, cells_->size(), cell->id().c_str(), seconds);
        Interrupt::count_step();
      } catch (...) {
        const std::lock_guard lock(mutex_);
        error_ = std::current_exception();
      }
    }
  }
  const Cell* take() {
    const std::lock_guard lock(mutex_);
    if (error_ || Interrupt::asked() || next_ == cells_->size()) return nullptr;
    return &(*cells_)[next_++];
  }

  const Results& results_;
  const Origin& origin_;
  const Text& text_;
  const SentencePairs* pairs_;
  const std::vector<Cell>* cells_ = nullptr;
  std::size_t next_ = 0;
  std::exception_ptr error_;
  std::mutex mutex_;
};

}  // namespace study
