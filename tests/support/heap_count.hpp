#pragma once

/// Counts every heap allocation of this executable, on any thread: operator new and what lies below it, and lets some of
/// them fail. Include it in one source of an executable, since it replaces both.

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

#include "support/sanitized.hpp"

namespace test_support {

/// How often operator new was called, and how often memory was taken from malloc, calloc, realloc and their kin.
inline std::atomic<long> new_calls{0}, malloc_calls{0};

/// The calls of malloc, by their number, that find no memory: from the first of these on and before the other.
inline std::atomic<long> first_refused{std::numeric_limits<long>::max()},
    first_granted{std::numeric_limits<long>::max()};
/// Counts a call of malloc. Returns whether it gets memory.
inline bool granted() {
  const long call = malloc_calls++;
  return call < first_refused || call >= first_granted;
}

}  // namespace test_support

#if defined(TEST_SUPPORT_SANITIZED)
// A sanitizer owns malloc, and tells of every call.
#include <sanitizer/allocator_interface.h>
namespace test_support {
inline const int hooks = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { ++malloc_calls; }, [](const volatile void*) {});
inline constexpr bool counts_malloc = true, refuses_malloc = false;
}  // namespace test_support
#elif defined(__GLIBC__)
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) { return test_support::granted() ? __libc_malloc(size) : nullptr; }
void* calloc(std::size_t count, std::size_t size) {
  return test_support::granted() ? __libc_calloc(count, size) : nullptr;
}
void* realloc(void* p, std::size_t size) { return test_support::granted() ? __libc_realloc(p, size) : nullptr; }
void* memalign(std::size_t alignment, std::size_t size) {
  return test_support::granted() ? __libc_memalign(alignment, size) : nullptr;
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** p, std::size_t alignment, std::size_t size) {
  *p = memalign(alignment, size);
  return *p == nullptr ? 12 : 0;  // ENOMEM
}
}
namespace test_support {
inline constexpr bool counts_malloc = true, refuses_malloc = true;
}
#else
namespace test_support {
inline constexpr bool counts_malloc = false, refuses_malloc = false;
}
#endif

#if !defined(TEST_SUPPORT_SANITIZED)
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++test_support::new_calls;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  ++test_support::new_calls;
  const auto a = std::size_t(alignment);
  if (void* p = std::aligned_alloc(a, (size + a - 1) / a * a)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
#endif

namespace test_support {

/// How many allocations f makes, on all threads.
template <class F>
long allocations(F&& f) {
  const long before = new_calls + malloc_calls;
  f();
  return new_calls + malloc_calls - before;
}

/// How long there is no memory: for one allocation, or for all that follow too.
enum class Shortage { of_one, of_all };

/// Calls f, whose n-th allocation from 0 on finds no memory. Returns whether it made so many.
template <class F>
bool runs_short(long n, Shortage shortage, F&& f) {
  struct Refusal {
    Refusal(long first, long end) {
      first_granted = end;
      first_refused = first;
    }
    ~Refusal() { first_refused = std::numeric_limits<long>::max(); }
  };
  const long first = malloc_calls + n;
  const Refusal refusal(first, shortage == Shortage::of_one ? first + 1 : std::numeric_limits<long>::max());
  f();
  return malloc_calls > first;
}

}  // namespace test_support
