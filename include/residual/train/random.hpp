#pragma once

#include <array>
#include <cstdint>
#include <random>

namespace residual {

/// Random numbers with the same bits on every machine: the words are std::mt19937_64's, which the standard fixes, and
/// whatever decides about them is a comparison of correctly rounded numbers.
class Random {
 public:
  /// Seed, stream, and how many words have been drawn.
  using State = std::array<std::uint64_t, 3>;

  /// Streams of one seed are independent of each other.
  Random(std::uint64_t seed, std::uint64_t stream) : state_{seed, stream, 0} {
    const auto low = [](std::uint64_t word) { return std::uint32_t(word); };
    std::seed_seq words{low(seed), low(seed >> 32), low(stream), low(stream >> 32)};
    words_.seed(words);
  }
  /// Goes on where the generator of that state is: draws its words again, which takes seconds for 10^9 of them.
  explicit Random(const State& state) : Random(state[0], state[1]) {
    words_.discard(state[2]);
    state_ = state;
  }
  /// From which another generator goes on.
  const State& state() const { return state_; }

  /// Uniform in (0, 1), an odd multiple of 2^-53.
  double uniform() { return (double(word() >> 12) + 0.5) * 0x1p-52; }
  /// Uniform in (-1, 1).
  double symmetric() { return 2 * uniform() - 1; }

  /// Normal with mean 0 and deviation 1, as Karney 2016 (arXiv:1303.6257): an integer k >= 0 from a table and x uniform
  /// in (0, 1) are drawn until they are accepted; then +-(k + x) has
  ///
  ///     P(k) ~ e^(-k^2 / 2),   P(accepted) = (e^(-x b))^(k + 1),  b = (2k + x) / (2k + 2)
  ///     P(k) P(accepted) ~ e^(-(k + x)^2 / 2)
  double normal() {
    for (;;) {
      const double u = uniform(), x = uniform();
      int k = 0;
      while (u > at_most[k]) ++k;
      int accepted = 0;
      while (accepted <= k && chance(x, (2.0 * k + x) / (2.0 * k + 2))) ++accepted;
      if (accepted > k) return word() >> 63 == 0 ? k + x : -(k + x);
    }
  }

 private:
  /// P(k or less); k = 9 has less than 2^-53.
  static constexpr double at_most[] = {0.5703484474872088, 0.9162822676077018, 0.9934705362919455,
                                       0.9998065352206729, 0.999997865809687,  0.999999991300538,
                                       0.9999999999869333, 0.9999999999999928, 1};

  /// True with probability e^(-a b), for a and b in (0, 1]. Von Neumann's run a > u1 > u2 > ... of uniform numbers, of
  /// which each is kept with probability b, has m members or more with probability (a b)^m / m!, hence an even number
  /// of them with probability 1 - a b + (a b)^2 / 2 - ...
  bool chance(double a, double b) {
    bool even = true;
    for (double u = uniform(); u < a * b; u = uniform()) {
      even = !even;
      a = u / b;  // uniform below the last one
    }
    return even;
  }

  std::uint64_t word() {
    ++state_[2];
    return words_();
  }

  State state_;
  std::mt19937_64 words_;
};

}  // namespace residual
