#pragma once

#include <initializer_list>

#include "support/randomise.hpp"

namespace test_support {

/// Choices that a seed decides, the same with every standard library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t bits() { return engine_(); }
  /// first, ..., last.
  Index integer(Index first, Index last) { return first + Index(bits() % std::uint64_t(last - first + 1)); }
  bool chance(double p) { return double(bits() >> 11) * 0x1p-53 < p; }
  template <class T>
  const T& one_of(std::initializer_list<T> values) {
    return values.begin()[integer(0, Index(values.size()) - 1)];
  }
  /// Numbers of mean 0 and variance 1.
  residual::Tokens<double> tokens(Index rows, Index cols) {
    return random_tokens<double>(rows, cols, bits(), std::sqrt(3.0));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace test_support
