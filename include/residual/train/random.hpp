#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>

#include "residual/core/compiler.hpp"

namespace residual {

/// Random numbers with the same bits on every machine: the words are std::mt19937_64's, which the standard fixes, and
/// whatever decides about them is a comparison of correctly rounded numbers. After `section` words the generator is seeded
/// anew, by the number of the section too, so that any state is reached in one section's time.
class Random {
 public:
  /// Seed, stream, and how many words have been drawn.
  using State = std::array<std::uint64_t, 3>;

  /// More than the absolute value of any number that `normal` draws.
  static constexpr double furthest_normal = 9;
  /// Words of one seeding.
  static constexpr std::uint64_t section = std::uint64_t{1} << 24;

  /// Streams of one seed are independent of each other.
  Random(std::uint64_t seed, std::uint64_t stream) : Random(State{seed, stream, 0}) {}
  /// Goes on where the generator of that state is, within a tenth of a second.
  explicit Random(const State& state) : state_(state) {
    begin_section();
    words_.discard(state[2] % section);
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
  RESIDUAL_NOINLINE double normal() {
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

  /// Seeds the generator for the section of the next word; the first section's seed does not name it.
  void begin_section() {
    std::array<std::uint32_t, 6> seeds;
    const std::array<std::uint64_t, 3> numbers{state_[0], state_[1], state_[2] / section};
    for (std::size_t i = 0; i < 6; ++i) seeds[i] = std::uint32_t(numbers[i / 2] >> 32 * (i % 2));
    std::seed_seq words(seeds.begin(), numbers[2] == 0 ? seeds.begin() + 4 : seeds.end());
    words_.seed(words);
  }

  std::uint64_t word() {
    const std::uint64_t word = words_();
    if (++state_[2] % section == 0) begin_section();
    return word;
  }

  State state_;
  std::mt19937_64 words_;
};

}  // namespace residual
