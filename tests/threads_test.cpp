// A pool of threads: what it does when the system refuses one, on small stacks and in a child process.
// group: threads
// labels: threads
#include "residual/kernel/threads.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "support/child.hpp"
#include "support/sanitized.hpp"

#if __has_include(<sys/resource.h>) && !defined(__EMSCRIPTEN__)
#include <sys/resource.h>
#endif

namespace {

using namespace residual;

/// Whether n tasks that wait for each other, so that n threads must take them, are done.
bool runs_at_once(const Threads& threads) {
  std::atomic<Index> arrived{0};
  threads.run(threads.threads(), [&](Index) {
    ++arrived;
    while (arrived < threads.threads()) std::this_thread::yield();
  });
  return arrived == threads.threads();
}

#if __has_include(<sys/wait.h>) && !defined(__EMSCRIPTEN__)
#if defined(__linux__) && !defined(TEST_SUPPORT_SANITIZED)  // a sanitizer needs more memory than the test leaves
/// What /proc/self/status says of the process, a number.
long status_of_process(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    long number = -1;
    if (word == key + ':' && status >> number) return number;
  }
  return -1;
}

/// Leaves the process room for the stacks of a few threads more.
void limit_memory() {
  const rlim_t bytes = rlim_t(status_of_process("VmSize")) * 1024 + (rlim_t{100} << 20);
  const rlimit limit{bytes, bytes};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limit), 0);
}

TEST(Threads, ThatTheSystemRefusesAreAnErrorAndLeaveNothingBehind) {
  EXPECT_EQ(test_support::in_child([] {
              limit_memory();
              for (int round = 0; round < 3; ++round) {
                std::string sentence;
                try {
                  const Threads threads(1000);
                } catch (const std::system_error& error) {
                  sentence = error.what();
                }
                if (sentence.find("1000 were asked for, but the system gives") == std::string::npos) return 1;
                if (status_of_process("Threads") != 1) return 2;
              }
              return runs_at_once(Threads(3)) ? 0 : 3;
            }),
            0);
}
#endif

/// The child has the object, but none of its workers: it works alone, and ends.
TEST(Threads, OfAParentDoNotKeepAChild) {
  std::optional<Threads> threads(3);
  EXPECT_TRUE(runs_at_once(*threads));
  EXPECT_EQ(test_support::in_child([&] {
              std::atomic<int> runs{0};
              for (int round = 0; round < 100; ++round) threads->run(10, [&](Index) { ++runs; });
              threads.reset();
              return runs == 1000 ? 0 : 1;
            }),
            0);
  EXPECT_TRUE(runs_at_once(*threads)) << "in the parent, afterwards";
}
#endif

#if defined(__GLIBC__)
/// musl gives a thread 128 KiB, macOS 512.
TEST(Threads, HaveRoomForAPassWhereTheSystemGivesThreadsLess) {
  pthread_attr_t before, small;
  ASSERT_EQ(::pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(::pthread_getattr_default_np(&small), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&small, 128 << 10), 0);
  ASSERT_EQ(::pthread_setattr_default_np(&small), 0);
  const Threads threads(2);
  std::array<std::size_t, 2> bytes{};
  std::atomic<int> arrived{0};
  threads.run(2, [&](Index i) {
    pthread_attr_t own;
    if (::pthread_getattr_np(::pthread_self(), &own) == 0) {
      ::pthread_attr_getstacksize(&own, &bytes[std::size_t(i)]);
      ::pthread_attr_destroy(&own);
    }
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_EQ(::pthread_setattr_default_np(&before), 0);
  for (const std::size_t stack : bytes) EXPECT_GE(stack, std::size_t{2} << 20);
}
#endif

}  // namespace
