#pragma once

#include <algorithm>
#include <type_traits>

#include "residual/core/view.hpp"

namespace residual {

/// A reference to a callable `void(Index)`: costs no allocation, must not outlive what it refers to.
class Task {
 public:
  /// Refers to f.
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Task>)
  &&std::is_invocable_v<F&, Index> Task(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
  call_([](void* object, Index i) { (*static_cast<std::remove_reference_t<F>*>(object))(i); }) {}
  /// Calls it.
  void operator()(Index i) const { call_(object_, i); }

 private:
  void* object_;
  void (*call_)(void*, Index);
};

/// How work is spread over threads. Derive from it to use a pool of your own. No result of the library depends on the
/// number of threads or on the order of the tasks: every number is computed by one task, always in the same way.
class Executor {
 public:
  virtual ~Executor() = default;
  /// How many tasks can run at once: a hint for cutting up the work, read by `threads_of`, which may differ at every call.
  virtual Index threads() const = 0;
  /// Calls task(0), ..., task(count - 1), each once, on any threads in any order, and returns when all have returned.
  /// Tasks do not throw. Several threads may call `run` of one executor at the same time, and a task may call it too.
  virtual void run(Index count, Task task) const = 0;
};

/// Everything on the calling thread.
class Serial final : public Executor {
 public:
  Index threads() const override { return 1; }
  void run(Index count, Task task) const override {
    for (Index i = 0; i < count; ++i) task(i);
  }
  /// One for all.
  static const Serial& instance() {
    static const Serial serial;
    return serial;
  }
};

/// The most parts that work is cut into for an executor.
inline constexpr Index most_threads = 1024;
/// executor.threads(), or what of 1 .. most_threads is nearest to it.
inline Index threads_of(const Executor& executor) { return std::clamp<Index>(executor.threads(), 1, most_threads); }

/// Cuts 0 .. size into contiguous ranges, at most one a thread and none smaller than `grain`, and calls f(begin, end)
/// for each.
template <class F>
void parallel_ranges(const Executor& executor, Index size, Index grain, F&& f) {
  if (size <= 0) return;
  const Index parts = std::clamp<Index>(size / std::max<Index>(grain, 1), 1, threads_of(executor));
  if (parts == 1) return f(Index(0), size);
  executor.run(parts, [&](Index i) { f(size * i / parts, size * (i + 1) / parts); });
}

}  // namespace residual
