// Vector functions against long double, at every number of lanes.
// group: layers
#include "residual/kernel/simd.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "residual/kernel/exponential.hpp"
#include "residual/kernel/rows.hpp"
#include "support/every_scalar.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace test_support;
using residual::Pack;
using residual::Row;

template <class S>
class Simd : public testing::Test {};
TYPED_TEST_SUITE(Simd, EveryScalar);

template <class S>
const S infinity = std::numeric_limits<S>::infinity();

/// f lane by lane: every lane of a pack of x.
template <class S, class F>
S lanes_agree(S x, F&& f) {
  S values[std::size_t(Pack<S>::lanes)];
  f(Pack<S>(x)).store(values);
  for (const S value : values) EXPECT_TRUE(same_bits(Row<S>::Constant(1, value), Row<S>::Constant(1, values[0]))) << x;
  return values[0];
}
template <class S>
S vector_exp(S x) {
  return lanes_agree(x, [](const Pack<S>& p) { return residual::exp(p); });
}

/// |got - exact| in units of the last place of the exact number.
template <class S>
double ulps(S got, long double exact) {
  const int exponent = std::max(std::ilogb(exact), std::numeric_limits<S>::min_exponent - 1);
  return double(std::abs(static_cast<long double>(got) - exact) /
                std::ldexp(1.0L, exponent + 1 - std::numeric_limits<S>::digits));
}

/// The largest error of f in units of the last place: over its range, near 0, and where exp's reduction turns.
template <class S, class F, class Exact>
double worst_ulps(F&& f, Exact&& exact, double low, double high) {
  constexpr Index lanes = Pack<S>::lanes;
  std::mt19937_64 engine(1);
  double worst = 0;
  for (Index i = 0; i < 400000; i += lanes) {
    S x[std::size_t(lanes)], y[std::size_t(lanes)];
    for (S& value : x) {
      const double u = double(engine() >> 11) * 0x1p-53;
      const double everywhere = low + u * (high - low), near_zero = std::ldexp(u - 0.5, -int(engine() % 60));
      const double near_halves = (std::floor(u * 200) - 100) * 0.34657359027997264;  // multiples of ln(2) / 2
      value = S(i % 3 == 0 ? everywhere : i % 3 == 1 ? near_zero : std::clamp(near_halves, low, high));
    }
    f(Pack<S>::load(x)).store(y);
    for (Index l = 0; l < lanes; ++l) worst = std::max(worst, ulps(y[l], exact(static_cast<long double>(x[l]))));
  }
  return worst;
}

TYPED_TEST(Simd, ExpIsRightToAnUlp) {
  const bool is_float = sizeof(TypeParam) == 4;
  const auto vector = [](const auto& x) { return residual::exp(x); };
  const auto exact = [](long double x) { return std::exp(x); };
  EXPECT_LT(worst_ulps<TypeParam>(vector, exact, is_float ? -86.8 : -707.6, is_float ? 88.71 : 709.77), 1.5);
}

TEST(SimdOfOtherScalars, ExpHasTheirRange) {
  for (const long double x : {-11000.L, -800.L, 0.L, 800.L, 11000.L}) {
    EXPECT_EQ(residual::exp(Pack<long double>(x)).raw, std::exp(x)) << x;
  }
}

TEST(SimdOfOtherScalars, NothingIsLessThanItself) {
  const Pack<long double> a(6), b(1), c(2);
  EXPECT_EQ(if_less(a, a, b, c).raw, 2);
  EXPECT_EQ(if_less(b, a, b, c).raw, 1);
}

TYPED_TEST(Simd, ExpOfNegativeHasTheBitsOfExp) {
  using S = TypeParam;
  for (int i = 0; i < 20000; ++i) {
    const S x = i == 0 ? -infinity<S> : i == 1 ? not_a_number<S> : S(2 - i) * S(0.0517);
    const S y = lanes_agree(x, [](const Pack<S>& p) { return residual::exp_of_negative(p); });
    EXPECT_TRUE(same_bits(Row<S>::Constant(1, y), Row<S>::Constant(1, vector_exp(x)))) << x;
  }
}

TYPED_TEST(Simd, ExpOfUnitsIsRightToAnUlp) {
  using S = TypeParam;
  const bool is_float = sizeof(S) == 4;
  const auto vector = [](const auto& x) { return residual::exp_of_negative_units(x); };
  const auto exact = [](long double x) { return std::exp(x / residual::exp_unit<S>()); };
  const auto of_base_2 = [](long double x) { return std::exp2(x); };
  const double low = is_float ? -125.4 : -1020.4;
  EXPECT_LT(Pack<S>::lanes > 1 ? worst_ulps<S>(vector, of_base_2, low, 0) : worst_ulps<S>(vector, exact, low / 2, 0),
            1.5);
  const auto vector_exp2 = [](S x) { return lanes_agree(x, [](const auto& p) { return exp_of_negative_units(p); }); };
  EXPECT_EQ(vector_exp2(S(0)), S(1));
  EXPECT_EQ(vector_exp2(-infinity<S>), S(0));
  EXPECT_EQ(vector_exp2(std::numeric_limits<S>::lowest()), S(0));
  EXPECT_TRUE(std::isnan(vector_exp2(not_a_number<S>)));
  for (const double x : {0.0, -0.5, -3.0, -90.0}) {
    EXPECT_NEAR(double(residual::exp_of_units(S(x)) / vector_exp2(S(x))), 1, 1e-6) << x;
    EXPECT_NEAR(double(residual::exp_of_units(S(x) * residual::exp_unit<S>())) / std::exp(x), 1, 1e-5) << x;
  }
}

TYPED_TEST(Simd, ErfIsRightToAFewUlps) {
  const auto vector = [](const auto& x) { return residual::erf(x); };
  const auto exact = [](long double x) { return std::erf(x); };
  EXPECT_LT(worst_ulps<TypeParam>(vector, exact, -10, 10), 8);
}

TYPED_TEST(Simd, ExpKnowsItsLimits) {
  using S = TypeParam;
  EXPECT_EQ(vector_exp(S(0)), S(1));
  EXPECT_EQ(vector_exp(S(-0.0)), S(1));
  EXPECT_EQ(vector_exp(-infinity<S>), S(0));
  EXPECT_FALSE(std::signbit(vector_exp(-infinity<S>)));
  EXPECT_EQ(vector_exp(infinity<S>), infinity<S>);
  EXPECT_TRUE(std::isnan(vector_exp(not_a_number<S>)));
  for (const double x : {710.0, 1000.0, 1e6, 1e30}) {
    EXPECT_EQ(vector_exp(S(x)), infinity<S>) << x;
    const S small = vector_exp(S(-x));
    EXPECT_GE(small, S(0)) << x;
    EXPECT_LE(small, std::numeric_limits<S>::min()) << x;
  }
  EXPECT_EQ(vector_exp(std::numeric_limits<S>::lowest()), S(0));
  EXPECT_EQ(vector_exp(std::numeric_limits<S>::max()), infinity<S>);
}

TYPED_TEST(Simd, RootsAreRightToTheLastDigit) {
  using S = TypeParam;
  const auto root = [](const auto& x) { return sqrt(abs(x)); };
  const auto exact = [](long double x) { return std::sqrt(std::abs(x)); };
#ifdef EIGEN_HAS_SINGLE_INSTRUCTION_MADD
  const double bound = 0.51;
#else
  const double bound = Pack<S>::lanes == 1 ? 0.51 : 1.5;
#endif
  EXPECT_LT(worst_ulps<S>(root, exact, -1000, 1000), bound);
  const auto vector_root = [](S x) { return lanes_agree(x, [](const Pack<S>& p) { return sqrt(p); }); };
  for (const S x : {std::numeric_limits<S>::min(), S(1), std::numeric_limits<S>::max()}) {
    EXPECT_LE(std::abs(double(vector_root(x) - std::sqrt(x))), 1e-6 * double(std::sqrt(x))) << x;
  }
  EXPECT_EQ(vector_root(infinity<S>), infinity<S>);
  EXPECT_TRUE(std::isnan(vector_root(not_a_number<S>)));
}

TYPED_TEST(Simd, ErfKnowsItsLimits) {
  using S = TypeParam;
  const auto vector_erf = [](S x) { return lanes_agree(x, [](const Pack<S>& p) { return residual::erf(p); }); };
  EXPECT_EQ(vector_erf(S(0)), S(0));
  for (const S x : {S(7), S(100), std::numeric_limits<S>::max(), infinity<S>}) {
    EXPECT_EQ(vector_erf(x), S(1)) << x;
    EXPECT_EQ(vector_erf(-x), S(-1)) << x;
  }
  EXPECT_TRUE(std::isnan(vector_erf(not_a_number<S>)));
}

TYPED_TEST(Simd, Arithmetic) {
  using S = TypeParam;
  const Pack<S> a(S(6)), b(S(-1.5)), c(S(0.25));
  const auto first = [](const Pack<S>& p) { return lanes_agree(S(0), [&](const Pack<S>&) { return p; }); };
  EXPECT_EQ(first(a + b), S(4.5));
  EXPECT_EQ(first(a - b), S(7.5));
  EXPECT_EQ(first(a * b), S(-9));
  EXPECT_EQ(first(a / b), S(-4));
  EXPECT_EQ(first(fma(a, b, c)), S(-8.75));
  EXPECT_EQ(first(higher_of(a, b)), S(6));
  EXPECT_EQ(first(sqrt(Pack<S>(S(2.25)))), S(1.5));
  EXPECT_EQ(first(sqrt(Pack<S>(S(0)))), S(0));
  EXPECT_EQ(first(if_less(a, b, a, c)), S(0.25));
  EXPECT_EQ(first(if_less(b, a, a, c)), S(6));
  EXPECT_EQ(first(if_less(a, a, a, c)), S(0.25));
  EXPECT_EQ(first(if_equal(a, a, b, c)), S(-1.5));
  EXPECT_EQ(first(if_equal(a, b, b, c)), S(0.25));
  const Pack<S> nan(not_a_number<S>);
  EXPECT_EQ(first(if_less(nan, a, b, c)), S(0.25)) << "NaN is not less";
  EXPECT_EQ(first(if_equal(nan, nan, b, c)), S(0.25)) << "NaN is not equal";
}

/// The first `count` lanes are read and written, the others neither.
TYPED_TEST(Simd, PartsOfAPack) {
  using S = TypeParam;
  constexpr Index lanes = Pack<S>::lanes;
  S from[std::size_t(lanes)], to[std::size_t(lanes)];
  for (Index i = 0; i < lanes; ++i) from[i] = S(i + 1);
  for (Index count = 0; count <= lanes; ++count) {
    const auto part = Pack<S>::load(from, count, S(-1));
    EXPECT_EQ(sum(part), S(count * (count + 1)) / 2 - S(lanes - count));
    EXPECT_EQ(highest(part), count == 0 ? S(-1) : S(count));
    std::fill_n(to, lanes, S(100));
    part.store(to, count);
    for (Index i = 0; i < lanes; ++i) EXPECT_EQ(to[i], i < count ? S(i + 1) : S(100));
  }
}

TYPED_TEST(Simd, EachPackCoversARow) {
  for (Index size = 0; size < 70; ++size) {
    Index next = 0;
    residual::each_pack<TypeParam>(size, [&](Index i, Index count) {
      EXPECT_EQ(i, next);
      EXPECT_LE(count, Pack<TypeParam>::lanes);
      next += count;
    });
    EXPECT_EQ(next, size);
  }
}

TYPED_TEST(Simd, TransposesBlocks) {
  using S = TypeParam;
  constexpr Index lanes = Pack<S>::lanes;
  residual::Tokens<S> from(lanes, lanes + 3);
  for (Index i = 0; i < from.size(); ++i) from.data()[i] = S(i + 1);
  for (Index rows = 1; rows <= lanes; ++rows) {
    for (Index cols = 1; cols <= lanes; ++cols) {
      residual::Tokens<S> to = residual::Tokens<S>::Constant(lanes + 1, lanes + 1, S(-1)), expected = to;
      expected.topLeftCorner(cols, lanes).setZero();
      expected.topLeftCorner(cols, rows) = from.topLeftCorner(rows, cols).transpose();
      residual::transpose_block(from.data(), lanes + 3, rows, cols, to.data(), lanes + 1);
      EXPECT_TRUE(same_bits(to, expected)) << rows << " x " << cols;
    }
  }
}

TYPED_TEST(Simd, RowHighestSeesEveryEntry) {
  using S = TypeParam;
  for (Index size = 0; size < 150; ++size) {
    Row<S> row = Row<S>::Constant(size + 1, S(-2));
    row[size] = S(7);  // beyond it
    EXPECT_EQ(residual::row_highest(row.data(), size), size == 0 ? -infinity<S> : S(-2));
    for (Index i = 0; i < size; ++i) {
      row[i] = S(3);
      EXPECT_EQ(residual::row_highest(row.data(), size), S(3)) << i << " of " << size;
      row[i] = S(-2);
    }
  }
}

/// A row's sum has the same bits wherever the row lies in memory and however many zeros follow it, and is right.
TYPED_TEST(Simd, RowSumsDoNotSeeAlignment) {
  using S = TypeParam;
  for (const Index size : {0, 1, 7, 16, 33, 47, 100, 111, 175, 239, 303, 1023}) {
    Row<S> memory(size + 40);
    S first(0);
    for (Index offset = 0; offset < 40; ++offset) {
      memory.setConstant(not_a_number<S>);
      long double exact = 0;
      for (Index i = 0; i < size; ++i) exact += memory[offset + i] = S(1) / S(i + 1) - S(0.01);
      const S got =
          residual::row_sum<S>(size, [&](Index j, auto n) { return Pack<S>::load(memory.data() + offset + j, n); });
      if (offset == 0) first = got;
      EXPECT_EQ(got, first);
      const auto then_zeros = [&](Index j, auto n) {
        return j < size ? Pack<S>::load(memory.data() + offset + j, std::min<Index>(n, size - j)) : Pack<S>(S(0));
      };
      EXPECT_EQ(residual::row_sum<S>(size + offset, then_zeros), first) << "what is 0 behind a row changes nothing";
      EXPECT_NEAR(double(got), double(exact), 1e-5 + double(size) * double(std::numeric_limits<S>::epsilon()));
    }
  }
}

}  // namespace
