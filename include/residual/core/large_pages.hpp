#pragma once

#include <cstdint>

#include "residual/core/view.hpp"

#if defined(__linux__) && __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace residual {

/// Asks the system to keep what nobody has touched yet of a vector in pages of 2 MiB, where it can: numbers that are read
/// once a pass then cost fewer look-ups of addresses. Changes no number, and asks for nothing in vectors of less.
template <class S>
void prefer_large_pages([[maybe_unused]] Column<S>& untouched) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr std::uintptr_t page = std::uintptr_t(2) << 20;
  const auto data = reinterpret_cast<std::uintptr_t>(untouched.data());
  const std::uintptr_t begin = (data + page - 1) / page * page,
                       end = (data + sizeof(S) * std::uintptr_t(untouched.size())) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

}  // namespace residual
