#pragma once

#include <cmath>

#include "residual/kernel/simd.hpp"

namespace residual {

RESIDUAL_PACKETS_BEGIN

/// c_0 + c_1 x + c_2 x^2 + ...
template <class S, std::size_t N>
EIGEN_STRONG_INLINE Pack<S> polynomial(const Pack<S>& x, const double (&c)[N]) {
  Pack<S> y = S(c[N - 1]);
  RESIDUAL_UNROLL(16)
  for (std::size_t k = N - 1; k > 0; --k) y = fma(y, x, Pack<S>(S(c[k - 1])));
  return y;
}

/// The coefficients of a polynomial that is within 2e-17 of e^r for |r| <= ln(2) / 2, of the lowest degree that is (found by
/// Remez' exchange).
template <class S>
struct ExpTerms {
  double c[12] = {1.,
                  1.0000000000000005594,
                  .50000000000000055781,
                  .16666666666657294823,
                  .041666666666573560683,
                  .0083333333377181196878,
                  .0013888888932367184008,
                  .00019841261487997847395,
                  .000024801504477504807233,
                  2.756425635510997853e-6,
                  2.7626310521541281067e-7,
                  2.2981306790170262086e-8};
};
/// In float of one within 4e-9 of e^r, times 2.
template <>
struct ExpTerms<float> {
  double c[7] = {2.0,
                 2.0000001294443797,
                 1.0000000161697564,
                 .33332651114886763,
                 .08333248108418886,
                 .01676223773635335,
                 .0027897185558991323};
};
/// Those of 2^f for |f| <= 1/2, by r = f ln 2.
template <class S>
constexpr ExpTerms<S> exp2_terms() {
  ExpTerms<S> terms;
  double power = 1;
  for (double& c : terms.c) c *= power, power *= 0.69314718055994530942;
  return terms;
}

/// How e^x or 2^x is put together where Eigen has packets of S, with a whole n and a polynomial for the rest:
/// e^x = 2^n e^r with x = n ln 2 + r, 2^x = 2^n 2^f with x = n + f.
template <class S>
struct Exponential {
  static constexpr bool is_float = std::is_same_v<S, float>;
  static constexpr S log2_e = S(1.44269504088896340736);
  static constexpr S ln2_high = is_float ? S(0.693359375) : S(0.693145751953125);  // n ln2_high has no rounding
  static constexpr S ln2_low = is_float ? S(-2.12194440e-4) : S(1.42860682030941723212e-6);
  // Adding 1.5 2^23 or 1.5 2^52 rounds. The lowest bits of a float are then n + 126, the exponent bits of 2^(n - 1): 2^128
  // is not a float.
  static constexpr S shift = is_float ? S(12582912 + 126) : S(6755399441055744);
  Pack<S> shifted, n;

  /// n from n + shift, within the limits of `exp`.
  explicit Exponential(const Pack<S>& n_and_shift) : shifted(rounded(n_and_shift)), n(shifted - Pack<S>(shift)) {}

  /// 2^n e^r, 0 where n is too low, for r + n ln2_low.
  EIGEN_STRONG_INLINE Pack<S> power(const Pack<S>& rest) const {
    static constexpr ExpTerms<S> terms;
    return times_power_of_2(polynomial(fma(n, Pack<S>(-ln2_low), rest), terms.c));
  }
  /// 2^n 2^f, 0 where n is too low.
  EIGEN_STRONG_INLINE Pack<S> power_of_2(const Pack<S>& f) const {
    static constexpr ExpTerms<S> terms = exp2_terms<S>();
    return times_power_of_2(polynomial(f, terms.c));
  }

 private:
  /// 2^n times e^r or 2^f, where `value` is what the polynomial gives.
  EIGEN_STRONG_INLINE Pack<S> times_power_of_2(const Pack<S>& value) const {
    using namespace Eigen::internal;
    if constexpr (is_float) {
      using Raw = typename Pack<S>::Raw;
      using Integers = typename unpacket_traits<Raw>::integer_packet;
      return value * Pack<S>(preinterpret<Raw>(plogical_shift_left<23>(preinterpret<Integers>(shifted.raw))));
    } else {
      return if_less(n, Pack<S>(S(-1021)), Pack<S>(S(0)), Pack<S>(pldexp(value.raw, n.raw)));
    }
  }
};
/// e^x between the limits of `exp`.
template <class S>
EIGEN_STRONG_INLINE Pack<S> exp_within(const Pack<S>& x) {
  using E = Exponential<S>;
  const E e(fma(x, Pack<S>(E::log2_e), Pack<S>(E::shift)));
  return e.power(fma(e.n, Pack<S>(-e.ln2_high), x));
}
/// e^(-a^2 / 2) for 0 <= a <= 13.2, where S is float and Eigen has packets of it, to about one unit in the last place: a^2 is
/// not rounded.
template <class S>
EIGEN_STRONG_INLINE Pack<S> exp_of_half_square(const Pack<S>& a) {
  using E = Exponential<S>;
  const Pack<S> log2_e(E::log2_e), shift(E::shift);
#ifdef EIGEN_HAS_SINGLE_INSTRUCTION_MADD
  const Pack<S> half_a = Pack<S>(S(-0.5)) * a;
  const E e(fma(half_a * a, log2_e, shift));
  return e.power(fma(half_a, a, e.n * Pack<S>(-e.ln2_high)));
#else
  // a = h + l, where h is a multiple of 2^-8: h h / 2 has no rounding, and l (a + h) is small.
  const Pack<S> grid(S(49152)), half(S(-0.5));  // 1.5 2^15
  const Pack<S> h = rounded(a + grid) - grid, square = half * h * h;
  const E e(fma(square, log2_e, shift));
  return e.power(fma(half * (a - h), a + h, fma(e.n, Pack<S>(-e.ln2_high), square)));
#endif
}
/// e^x for x <= 0 to about one unit in the last place, exactly 1 at 0, exactly 0 below about twice the smallest normal
/// number, so at -infinity; as std::exp for scalars that Eigen has no packets of.
template <class S>
EIGEN_STRONG_INLINE Pack<S> exp_of_negative(const Pack<S>& x) {
  if constexpr (Pack<S>::lanes == 1) {
    using std::exp;
    return exp(x.raw);
  } else {
    return exp_within(higher_of(x, Pack<S>(std::is_same_v<S, float> ? S(-87) : S(-745))));
  }
}
/// e^x for all x, as precise, infinity beyond the largest numbers.
template <class S>
EIGEN_STRONG_INLINE Pack<S> exp(const Pack<S>& x) {
  if constexpr (Pack<S>::lanes == 1) {
    return exp_of_negative(x);
  } else {
    return exp_of_negative(lower_of(x, Pack<S>(std::is_same_v<S, float> ? S(89) : S(710))));
  }
}
/// What a softmax takes e^x of, in units of `exp_unit`: 2^x, whose reduction is the shortest, or e^x of scalars that Eigen has
/// no packets of.
template <class S>
S exp_unit() {
  return Pack<S>::lanes == 1 ? S(1) : S(1.44269504088896340736);
}
/// e^(x / exp_unit) for x <= 0 with the precision and limits of `exp_of_negative`.
template <class S>
EIGEN_STRONG_INLINE Pack<S> exp_of_negative_units(const Pack<S>& x) {
  if constexpr (Pack<S>::lanes == 1) {
    return exp_of_negative(x);
  } else {
    using E = Exponential<S>;
    const Pack<S> y = higher_of(x, Pack<S>(std::is_same_v<S, float> ? S(-126) : S(-1075)));
    const E e(y + Pack<S>(E::shift));
    return e.power_of_2(y - e.n);
  }
}
/// e^(x / exp_unit) of one number.
template <class S>
S exp_of_units(const S& x) {
  if constexpr (Pack<S>::lanes == 1) {
    using std::exp;
    return S(exp(x));
  } else {
    return std::exp2(x);
  }
}

RESIDUAL_PACKETS_END

}  // namespace residual
