// Random numbers: fixed bits, and the distributions they promise.
// group: core
#include "residual/train/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace {

using residual::Random;

/// Calls f for `count` numbers of a stream.
std::vector<double> numbers(std::uint64_t stream, int count, double (Random::*draw)()) {
  Random random(20230428, stream);
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back((random.*draw)());
  return values;
}

double moment(const std::vector<double>& values, int power) {
  double total = 0;
  for (const double value : values) total += std::pow(value, power);
  return total / double(values.size());
}

/// The largest distance of the numbers' distribution from `cdf`, times sqrt(n) (Kolmogorov and Smirnov).
template <class F>
double distance(std::vector<double> values, F cdf) {
  std::sort(values.begin(), values.end());
  const double n = double(values.size());
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double p = cdf(values[i]);
    largest = std::max({largest, std::abs(p - double(i) / n), std::abs(p - double(i + 1) / n)});
  }
  return largest * std::sqrt(n);
}

constexpr int many = 200000;

TEST(Random, GoesOnFromItsState) {
  Random random(3, 4);
  for (int i = 0; i < 1000; ++i) random.normal();
  EXPECT_EQ(random.state()[0], 3u);
  EXPECT_EQ(random.state()[1], 4u);
  EXPECT_GT(random.state()[2], 3000u);
  Random restored(random.state());
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(restored.normal(), random.normal());
  EXPECT_EQ(restored.state(), random.state());
}

/// A word of a state as it may stand in a damaged file: 2^64 - 1 draws would take a thousand years.
TEST(Random, IsAtAnyStateAtOnce) {
  for (const std::uint64_t drawn : {~std::uint64_t{0}, ~std::uint64_t{0} - Random::section, std::uint64_t{1} << 50}) {
    Random random(Random::State{1, 2, drawn}), other(Random::State{1, 2, drawn - 1});
    EXPECT_EQ(random.state()[2], drawn);
    other.uniform();
    EXPECT_EQ(other.uniform(), random.uniform());
  }
}

TEST(Random, GoesOnAcrossSections) {
  Random random(3, 4), last(Random::State{3, 4, Random::section - 5});
  for (std::uint64_t i = 0; i < Random::section - 5; ++i) random.uniform();
  std::seed_seq words{3u, 0u, 4u, 0u, 1u, 0u};
  std::mt19937_64 second(words);
  for (int i = -5; i < 1000; ++i) {
    const double u = random.uniform();
    EXPECT_EQ(u, last.uniform());
    if (i < 0) continue;
    EXPECT_EQ(u, std::ldexp(double(2 * (second() / 4096) + 1), -53));
  }
  EXPECT_EQ(Random(random.state()).uniform(), last.uniform());
}

TEST(Random, UniformNumbersLieInTheOpenInterval) {
  const auto values = numbers(0, many, &Random::uniform);
  EXPECT_GT(*std::min_element(values.begin(), values.end()), 0);
  EXPECT_LT(*std::max_element(values.begin(), values.end()), 1);
  EXPECT_LT(distance(values, [](double x) { return x; }), 1.95);  // 1.95: one chance in a thousand
}

TEST(Random, SymmetricNumbersAreUniformAroundZero) {
  const auto values = numbers(1, many, &Random::symmetric);
  EXPECT_GT(*std::min_element(values.begin(), values.end()), -1);
  EXPECT_LT(*std::max_element(values.begin(), values.end()), 1);
  EXPECT_LT(distance(values, [](double x) { return (x + 1) / 2; }), 1.95);
}

TEST(Random, NormalNumbersHaveTheNormalDistribution) {
  const auto values = numbers(2, many, &Random::normal);
  EXPECT_LT(distance(values, [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }), 1.95);
  const double sigma = 1 / std::sqrt(double(many));  // moments' deviations: 1, sqrt 2, sqrt 15, sqrt 96 times sigma
  EXPECT_NEAR(moment(values, 1), 0, 5 * sigma);
  EXPECT_NEAR(moment(values, 2), 1, 5 * std::sqrt(2.0) * sigma);
  EXPECT_NEAR(moment(values, 3), 0, 5 * std::sqrt(15.0) * sigma);
  EXPECT_NEAR(moment(values, 4), 3, 5 * std::sqrt(96.0) * sigma);
}

TEST(Random, NormalNumbersReachTheTails) {
  const auto values = numbers(3, many, &Random::normal);
  const auto beyond = [&](double x) {
    return double(std::count_if(values.begin(), values.end(), [&](double v) { return std::abs(v) > x; }));
  };
  for (const double x : {1.0, 2.0, 3.0, 4.0}) {
    const double expected = many * std::erfc(x / std::sqrt(2.0));
    EXPECT_NEAR(beyond(x), expected, 5 * std::sqrt(expected)) << x;
  }
}

TEST(Random, WordsAreThoseOfTheStandardsGenerator) {
  std::seed_seq words{7u, 3u, 5u, 1u};
  std::mt19937_64 generator(words);
  Random random(std::uint64_t{3} << 32 | 7, std::uint64_t{1} << 32 | 5);
  for (int i = 0; i < 100; ++i) {
    const double u = random.uniform();
    EXPECT_EQ(u, std::ldexp(double(2 * (generator() / 4096) + 1), -53));
  }
}

TEST(Random, NormalNumbersHaveTheSameBitsEverywhere) {
  Random random(1, 2);
  for (const double expected : {-0x1.be09eedf17ba6p-2, 0x1.4c79811c7416p+0, 0x1.509ecf5d0dc2bp-1}) {
    EXPECT_EQ(random.normal(), expected);
  }
  double last = 0;
  for (int i = 3; i < 10000; ++i) last = random.normal();
  EXPECT_EQ(last, -0x1.d8515e2649f1cp+0);
}

TEST(Random, StreamsAndSeedsDiffer) {
  std::set<double> first;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (std::uint64_t stream = 0; stream < 20; ++stream) first.insert(Random(seed, stream).uniform());
  }
  EXPECT_EQ(first.size(), 400u);
}

}  // namespace
