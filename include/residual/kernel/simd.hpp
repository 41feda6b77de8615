#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include <unsupported/Eigen/SpecialFunctions>

#include "residual/core/view.hpp"

namespace residual {

RESIDUAL_PACKETS_BEGIN

/// As many numbers as the target computes with at once (1 for scalars without vector instructions), with arithmetic.
/// The one place that knows Eigen's packets.
template <class S>
struct Pack {
  /// Eigen's packet, or S itself.
  using Raw = typename Eigen::internal::packet_traits<S>::type;
  /// How many numbers it holds.
  static constexpr Index lanes = Eigen::internal::unpacket_traits<Raw>::size;
  Raw raw;  ///< the numbers

  Pack() = default;
  /// The numbers of a packet.
  Pack(const Raw& r) requires(lanes > 1) : raw(r) {}
  /// One number in every lane.
  Pack(const S& value) : raw(Eigen::internal::pset1<Raw>(value)) {}
  /// The numbers at p, of any alignment.
  static Pack load(const S* p) { return Eigen::internal::ploadu<Raw>(p); }
  /// The first `count` numbers at p, and `fill` in the other lanes.
  static Pack load(const S* p, Index count, S fill = S(0)) {
    if (count == lanes) return load(p);
    S buffer[std::size_t(lanes)];
    for (Index i = 0; i < lanes; ++i) buffer[i] = i < count ? p[i] : fill;
    return load(buffer);
  }
  /// Writes all numbers to p, of any alignment.
  void store(S* p) const { Eigen::internal::pstoreu(p, raw); }
  /// Writes the first `count` numbers to p.
  void store(S* p, Index count) const {
    if (count == lanes) return store(p);
    S buffer[std::size_t(lanes)];
    store(buffer);
    for (Index i = 0; i < count; ++i) p[i] = buffer[i];
  }
  /// Calls f on every lane: for functions without vector instructions.
  template <class F>
  Pack each(F f) const {
    S buffer[std::size_t(lanes)];
    store(buffer);
    for (Index i = 0; i < lanes; ++i) buffer[i] = f(buffer[i]);
    return load(buffer);
  }

  /// a + b, lane by lane.
  friend Pack operator+(const Pack& a, const Pack& b) { return Eigen::internal::padd(a.raw, b.raw); }
  /// a - b, lane by lane.
  friend Pack operator-(const Pack& a, const Pack& b) { return Eigen::internal::psub(a.raw, b.raw); }
  /// a b, lane by lane.
  friend Pack operator*(const Pack& a, const Pack& b) { return Eigen::internal::pmul(a.raw, b.raw); }
  /// a / b, lane by lane.
  friend Pack operator/(const Pack& a, const Pack& b) { return Eigen::internal::pdiv(a.raw, b.raw); }
  /// Adds b, lane by lane.
  Pack& operator+=(const Pack& b) { return *this = *this + b; }
};

/// a b + c, rounded once where the target can.
template <class S>
Pack<S> fma(const Pack<S>& a, const Pack<S>& b, const Pack<S>& c) {
  return Eigen::internal::pmadd(a.raw, b.raw, c.raw);
}
/// a itself, which the compiler may not fuse or reorder with what follows: where a b - c must be 0 if c is a b, rounded.
template <class S>
Pack<S> rounded(Pack<S> a) {
  if constexpr (Pack<S>::lanes > 1) {
    EIGEN_OPTIMIZATION_BARRIER(a.raw)  // empty on some targets
  }
  return a;
}
/// The lower of two, lane by lane.
template <class S>
Pack<S> lower_of(const Pack<S>& a, const Pack<S>& b) {
  return Eigen::internal::pmin(a.raw, b.raw);
}
/// The higher of two, lane by lane.
template <class S>
Pack<S> higher_of(const Pack<S>& a, const Pack<S>& b) {
  return Eigen::internal::pmax(a.raw, b.raw);
}
/// |a|, lane by lane.
template <class S>
Pack<S> abs(const Pack<S>& a) {
  return Eigen::internal::pabs(a.raw);
}
/// a < b ? x : y, lane by lane.
template <class S>
Pack<S> if_less(const Pack<S>& a, const Pack<S>& b, const Pack<S>& x, const Pack<S>& y) {
  if constexpr (Pack<S>::lanes == 1) {
    return a.raw < b.raw ? x : y;
  } else {
    return Eigen::internal::pselect(Eigen::internal::pcmp_lt(a.raw, b.raw), x.raw, y.raw);
  }
}
/// a == b ? x : y, lane by lane.
template <class S>
Pack<S> if_equal(const Pack<S>& a, const Pack<S>& b, const Pack<S>& x, const Pack<S>& y) {
  if constexpr (Pack<S>::lanes == 1) {
    return a.raw == b.raw ? x : y;
  } else {
    return Eigen::internal::pselect(Eigen::internal::pcmp_eq(a.raw, b.raw), x.raw, y.raw);
  }
}
/// The root, lane by lane; 0 of what is less than the smallest normal number, since some targets' instructions raise the
/// floating-point exception FE_INVALID there.
template <class S>
Pack<S> sqrt(const Pack<S>& a) {
  if constexpr (Pack<S>::lanes == 1) {
    using std::sqrt;
    return sqrt(a.raw);
  } else {
    const Pack<S> least(std::numeric_limits<S>::min());
    const Pack<S> root = Eigen::internal::psqrt(if_less(a, least, least, a).raw);
    return if_less(a, least, Pack<S>(S(0)), root);
  }
}
/// Whether a < b in some lane.
template <class S>
bool some_less(const Pack<S>& a, const Pack<S>& b) {
  if constexpr (Pack<S>::lanes == 1) {
    return a.raw < b.raw;
  } else {
    return Eigen::internal::predux_any(Eigen::internal::pcmp_lt(a.raw, b.raw));
  }
}
/// The sum of the lanes, always in the same order.
template <class S>
S sum(const Pack<S>& a) {
  return Eigen::internal::predux(a.raw);
}
/// The highest of the lanes.
template <class S>
S highest(const Pack<S>& a) {
  return Eigen::internal::predux_max(a.raw);
}

/// c_0 + c_1 x + c_2 x^2 + ...
template <class S, std::size_t N>
EIGEN_STRONG_INLINE Pack<S> polynomial(const Pack<S>& x, const double (&c)[N]) {
  Pack<S> y = S(c[N - 1]);
  RESIDUAL_UNROLL(16)
  for (std::size_t k = N - 1; k > 0; --k) y = fma(y, x, Pack<S>(S(c[k - 1])));
  return y;
}

/// How e^x is put together where Eigen has packets of S: x = n ln 2 + r with whole n, e^x = 2^n e^r, and e^r by a polynomial
/// that is within 4e-9 (float) or 2e-17 (double) of it for |r| <= ln(2) / 2, of the lowest degree that is (found by Remez'
/// exchange).
template <class S>
struct Exponential {
  static constexpr bool is_float = std::is_same_v<S, float>;
  static constexpr S ln2_high = is_float ? S(0.693359375) : S(0.693145751953125);  // n ln2_high has no rounding
  static constexpr S ln2_low = is_float ? S(-2.12194440e-4) : S(1.42860682030941723212e-6);
  // Adding 1.5 2^23 or 1.5 2^52 rounds. The lowest bits of a float are then n + 126, the exponent bits of 2^(n - 1): 2^128
  // is not a float.
  static constexpr S shift = is_float ? S(12582912 + 126) : S(6755399441055744);
  Pack<S> shifted, n;

  /// n for x between the limits of `exp`.
  explicit Exponential(const Pack<S>& x)
      : shifted(rounded(fma(x, Pack<S>(S(1.44269504088896340736)), Pack<S>(shift)))), n(shifted - Pack<S>(shift)) {}

  /// 2^n e^r, 0 where n is too low, for r + n ln2_low.
  EIGEN_STRONG_INLINE Pack<S> power(const Pack<S>& rest) const {
    using namespace Eigen::internal;
    const Pack<S> r = fma(n, Pack<S>(-ln2_low), rest);
    if constexpr (is_float) {
      using Raw = typename Pack<S>::Raw;
      using Integers = typename unpacket_traits<Raw>::integer_packet;
      const Pack<S> twice = polynomial(r, {2.0, 2.0000001294443797, 1.0000000161697564, .33332651114886763,
                                           .08333248108418886, .01676223773635335, .0027897185558991323});
      return twice * Pack<S>(preinterpret<Raw>(plogical_shift_left<23>(preinterpret<Integers>(shifted.raw))));
    } else {
      const Pack<S> e = polynomial(
          r, {1., 1.0000000000000005594, .50000000000000055781, .16666666666657294823, .041666666666573560683,
              .0083333333377181196878, .0013888888932367184008, .00019841261487997847395, .000024801504477504807233,
              2.756425635510997853e-6, 2.7626310521541281067e-7, 2.2981306790170262086e-8});
      return if_less(n, Pack<S>(S(-1021)), Pack<S>(S(0)), Pack<S>(pldexp(e.raw, n.raw)));
    }
  }
};
/// e^x between the limits of `exp`.
template <class S>
EIGEN_STRONG_INLINE Pack<S> exp_within(const Pack<S>& x) {
  const Exponential<S> e(x);
  return e.power(fma(e.n, Pack<S>(-e.ln2_high), x));
}
/// e^(-a^2 / 2) for 0 <= a <= 13.2, where S is float and Eigen has packets of it, to about one unit in the last place: a^2 is
/// not rounded.
template <class S>
EIGEN_STRONG_INLINE Pack<S> exp_of_half_square(const Pack<S>& a) {
#ifdef EIGEN_HAS_SINGLE_INSTRUCTION_MADD
  const Pack<S> half_a = Pack<S>(S(-0.5)) * a;
  const Exponential<S> e(half_a * a);
  return e.power(fma(half_a, a, e.n * Pack<S>(-e.ln2_high)));
#else
  // a = h + l, where h is a multiple of 2^-8: h h / 2 has no rounding, and l (a + h) is small.
  const Pack<S> grid(S(49152)), half(S(-0.5));  // 1.5 2^15
  const Pack<S> h = rounded(a + grid) - grid, square = half * h * h;
  const Exponential<S> e(square);
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

/// erf(x), where Eigen knows it for packets; else by std::erf.
template <class S>
Pack<S> erf(const Pack<S>& x) {
  if constexpr (Pack<S>::lanes > 1 && Eigen::internal::packet_traits<S>::HasErf) {
    const Pack<S> e = Eigen::internal::perf(x.raw), limit(S(6)), one(S(1));  // Eigen 5's has no limits
    return if_less(limit, x, one, if_less(x, Pack<S>(S(-6)), Pack<S>(S(-1)), e));
  } else {
    return x.each([](const S& v) {
      using std::erf;
      return S(erf(v));
    });
  }
}

/// erfc(x), by std::erfc.
template <class S>
Pack<S> erfc(const Pack<S>& x) {
  return x.each([](const S& v) {
    using std::erfc;
    return S(erfc(v));
  });
}

/// tanh(x), where Eigen knows it for packets; else by std::tanh.
template <class S>
Pack<S> tanh(const Pack<S>& x) {
  if constexpr (Pack<S>::lanes > 1 && Eigen::internal::packet_traits<S>::HasTanh) {
    return Eigen::internal::ptanh(x.raw);
  } else {
    return x.each([](const S& v) {
      using std::tanh;
      return S(tanh(v));
    });
  }
}

/// Writes the transpose of a square of Pack::lanes numbers a side.
template <class S>
void transpose_square(const S* from, Index from_stride, S* to, Index to_stride) {
  if constexpr (Pack<S>::lanes == 1) {
    *to = *from;
  } else {
    Eigen::internal::PacketBlock<typename Pack<S>::Raw, int(Pack<S>::lanes)> square;
    for (Index i = 0; i < Pack<S>::lanes; ++i) square.packet[i] = Pack<S>::load(from + i * from_stride).raw;
    Eigen::internal::ptranspose(square);
    for (Index i = 0; i < Pack<S>::lanes; ++i) Pack<S>(square.packet[i]).store(to + i * to_stride);
  }
}

/// Reads an Eigen expression of rows pack by pack.
template <class X>
class PackReader {
 public:
  using S = typename X::Scalar;
  /// Reads x, which must outlive it.
  explicit PackReader(const Eigen::DenseBase<X>& x) : x_(x.derived()) {}
  /// The first `count` numbers from (i, j) on, and 0 in the other lanes; `count` may be an integral_constant.
  template <class N>
  EIGEN_STRONG_INLINE Pack<S> load(Index i, Index j, N count) const {
    constexpr int rows_of_packs = Eigen::PacketAccessBit | Eigen::RowMajorBit;
    constexpr bool by_packs = (int(Evaluator::Flags) & rows_of_packs) == rows_of_packs && Pack<S>::lanes > 1;
    if constexpr (by_packs && !std::is_same_v<N, Index>) {
      return x_.template packet<Eigen::Unaligned, typename Pack<S>::Raw>(i, j);
    } else {
      S buffer[std::size_t(Pack<S>::lanes)];
      for (Index l = 0; l < count; ++l) buffer[l] = x_.coeff(i, j + l);
      return Pack<S>::load(buffer, count);
    }
  }
  /// The number at (i, j).
  S at(Index i, Index j) const { return x_.coeff(i, j); }

 private:
  using Evaluator = Eigen::internal::evaluator<X>;
  Evaluator x_;
};

/// f(begin, count) for each piece of 0 .. size that fits a Pack: whole packs from the start on, then the rest. The pieces
/// depend on the size alone, not on alignment, so a row has the same bits wherever it lies.
template <class S, class F>
EIGEN_STRONG_INLINE void each_pack(Index size, F&& f) {
  constexpr Index lanes = Pack<S>::lanes;
  Index i = 0;
  for (; i + lanes <= size; i += lanes) f(i, std::integral_constant<Index, lanes>());
  if (i < size) f(i, size - i);
}

RESIDUAL_PACKETS_END

}  // namespace residual
