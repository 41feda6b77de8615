#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

#include <unsupported/Eigen/SpecialFunctions>

#include "residual/core/view.hpp"

namespace residual {

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 reports its own AVX-512 intrinsics
#endif

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

/// e^x between the limits of `exp`: x = n ln 2 + r with whole n, e^x = 2^n e^r, and e^r by a polynomial that is within
/// 4e-9 (float) or 2e-17 (double) of it for |r| <= ln(2) / 2, of the lowest degree that is (found by Remez' exchange).
template <class S>
EIGEN_STRONG_INLINE Pack<S> exp_within(const Pack<S>& x) {
  using namespace Eigen::internal;
  constexpr bool is_float = std::is_same_v<S, float>;
  constexpr S ln2_high = is_float ? S(0.693359375) : S(0.693145751953125);
  constexpr S ln2_low = is_float ? S(-2.12194440e-4) : S(1.42860682030941723212e-6);
  constexpr auto coefficients = [] {
    if constexpr (is_float) {
      return std::array{1.,
                        1.0000000647221899,
                        .50000000808487825,
                        .16666325557443383,
                        .041666240542094432,
                        .0083811188681766747,
                        .0013948592779495661};
    } else {
      return std::array{1.,
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
    }
  }();
  // Adding 1.5 2^23 or 1.5 2^52 rounds. The lowest bits of a float are then n + 126, the exponent bits of 2^(n - 1): 2^128
  // is not a float.
  const Pack<S> shift(is_float ? S(12582912 + 126) : S(6755399441055744));
  const Pack<S> shifted = rounded(fma(x, Pack<S>(S(1.44269504088896340736)), shift)), n = shifted - shift;
  const Pack<S> r = fma(n, Pack<S>(-ln2_low), fma(n, Pack<S>(-ln2_high), x));
  constexpr int degree = int(coefficients.size()) - 1;
  constexpr S factor = is_float ? 2 : 1;
  Pack<S> e(factor * S(coefficients[degree]));
#pragma GCC unroll 16
  for (int k = degree - 1; k >= 0; --k) e = fma(e, r, Pack<S>(factor * S(coefficients[std::size_t(k)])));
  if constexpr (is_float) {
    using Raw = typename Pack<S>::Raw;
    using Integers = typename unpacket_traits<Raw>::integer_packet;
    return e * Pack<S>(preinterpret<Raw>(plogical_shift_left<23>(preinterpret<Integers>(shifted.raw))));
  } else {
    return if_less(x, Pack<S>(S(-707.7)), Pack<S>(S(0)), Pack<S>(pldexp(e.raw, n.raw)));
  }
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

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

}  // namespace residual
