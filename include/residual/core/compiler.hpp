#pragma once

// What the library needs of a compiler.

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#error "residual needs C++20: compile with -std=c++20 or a later standard."
#define RESIDUAL_STOPS_HERE "residual needs C++20"
#include RESIDUAL_STOPS_HERE  // which does not exist, so that the compiler says nothing more
#endif

#if (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0) || defined(_M_FP_FAST)
#error "residual computes with infinity and NaN: compile without -ffast-math, or add -fno-finite-math-only behind it."
#endif
