#pragma once

#include <cstdint>

namespace residual {

/// FNV-1a of numbers, a fingerprint that is the same on every machine:
///
///     hash = (hash xor number) 1099511628211   mod 2^64
struct Fnv1a {
  std::uint64_t hash = 14695981039346656037u;  ///< of the numbers so far

  /// Counts a number in.
  void add(std::uint64_t number) { hash = (hash ^ number) * 1099511628211u; }
};

}  // namespace residual
