#pragma once

#include <cstddef>
#include <system_error>

#if __has_include(<pthread.h>)
#include <pthread.h>
#include <unistd.h>
#else
#include <thread>
#endif

namespace residual {

/// A thread with a stack of at least `stack_bytes`. A pass takes about 1.2 MB, and some systems give a thread less.
/// Once started it must be joined, but not in a child process made by fork, which does not have it.
class Worker {
 public:
  /// What a thread's stack has at least, in bytes.
  static constexpr std::size_t stack_bytes = std::size_t{4} << 20;

  /// Calls work(argument) on a new thread; returns why not, where the system refuses it.
  std::error_code start(void* (*work)(void*), void* argument);
  /// Waits until work has returned.
  void join();
  /// Whether this is the process that made the thread.
  bool in_this_process() const;

 private:
#if __has_include(<pthread.h>)
  pthread_t thread_{};
  pid_t process_ = ::getpid();
#else
  std::thread thread_;
#endif
};

#if __has_include(<pthread.h>)

inline std::error_code Worker::start(void* (*work)(void*), void* argument) {
  pthread_attr_t attributes;
  std::size_t given = 0;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_getstacksize(&attributes, &given);
  if (given < stack_bytes) ::pthread_attr_setstacksize(&attributes, stack_bytes);
  const int error = ::pthread_create(&thread_, &attributes, work, argument);
  ::pthread_attr_destroy(&attributes);
  return {error, std::generic_category()};
}
inline void Worker::join() { ::pthread_join(thread_, nullptr); }
inline bool Worker::in_this_process() const { return process_ == ::getpid(); }

#else

inline std::error_code Worker::start(void* (*work)(void*), void* argument) {
#ifdef __cpp_exceptions
  try {
    thread_ = std::thread(work, argument);
  } catch (const std::system_error& error) {
    return error.code();
  }
#else
  thread_ = std::thread(work, argument);
#endif
  return {};
}
inline void Worker::join() { thread_.join(); }
inline bool Worker::in_this_process() const { return true; }

#endif

}  // namespace residual
