#pragma once

// What the library needs of a compiler, and all that it knows of compilers. RESIDUAL_PORTABLE, defined, leaves out what only
// GCC and those like it understand: the same numbers, slower.

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#error "residual needs C++20: compile with -std=c++20 or a later standard."
#define RESIDUAL_STOPS_HERE "residual needs C++20"
#include RESIDUAL_STOPS_HERE  // which does not exist, so that the compiler says nothing more
#endif

#if (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0) || defined(_M_FP_FAST)
#error "residual computes with infinity and NaN: compile without -ffast-math, or add -fno-finite-math-only behind it."
#endif

#if defined(__GNUC__) && !defined(RESIDUAL_PORTABLE)
#define RESIDUAL_GNU 1
#else
#define RESIDUAL_GNU 0
#endif

// RESIDUAL_UNROLL(n) in front of a loop: its up to n rounds are written out, so that an array stays in registers.
#if RESIDUAL_GNU
#define RESIDUAL_PRAGMA(text) _Pragma(#text)
#define RESIDUAL_UNROLL(n) RESIDUAL_PRAGMA(GCC unroll n)
#else
#define RESIDUAL_UNROLL(n)
#endif

// In front of a function that is not worth a copy of its own in each caller: it is seldom called, or long; of one that must
// have it; and of one that inlines all that it calls, so that GCC obeys RESIDUAL_PACKETS_BEGIN there, too.
#if RESIDUAL_GNU
#define RESIDUAL_NOINLINE [[gnu::noinline]]
#define RESIDUAL_INLINE [[gnu::always_inline]] inline
#define RESIDUAL_FLATTEN [[gnu::flatten]]
#else
#define RESIDUAL_NOINLINE
#define RESIDUAL_INLINE inline
#define RESIDUAL_FLATTEN
#endif

// Around code that uses Eigen's packets: GCC 12 reports its own AVX-512 intrinsics.
#if defined(__GNUC__) && !defined(__clang__)
#define RESIDUAL_PACKETS_BEGIN                                                              \
  _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wignored-attributes\"") \
      _Pragma("GCC diagnostic ignored \"-Wmaybe-uninitialized\"")                           \
          _Pragma("GCC diagnostic ignored \"-Wuninitialized\"")
#define RESIDUAL_PACKETS_END _Pragma("GCC diagnostic pop")
#else
#define RESIDUAL_PACKETS_BEGIN
#define RESIDUAL_PACKETS_END
#endif

namespace residual {

/// Asks for the memory at p, which may be anything, because it will soon be read. Inlined at once, since GCC 12 takes it for
/// a function without effect and drops calls of it.
RESIDUAL_INLINE void prefetch([[maybe_unused]] const void* p) {
#if RESIDUAL_GNU
  __builtin_prefetch(p);
#endif
}
/// Asks for the memory at p, which may be anything, as far as the second cache, which takes more requests than the first.
RESIDUAL_INLINE void prefetch_from_afar([[maybe_unused]] const void* p) {
#if RESIDUAL_GNU
  __builtin_prefetch(p, 0, 2);
#endif
}
/// Asks for the memory at p, which may be anything, because it will soon be written.
RESIDUAL_INLINE void prefetch_to_write([[maybe_unused]] const void* p) {
#if RESIDUAL_GNU
  __builtin_prefetch(p, 1);
#endif
}

}  // namespace residual
