#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

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
  /// The first `count` numbers at p, and 0 in the other lanes.
  static Pack load(const S* p, Index count) {
    if (count == lanes) return load(p);
    if constexpr (masks) {
      return Eigen::internal::ploadu<Raw>(p, mask(count));
    } else {
      return load_some(p, count, S(0));
    }
  }
  /// The first `count` numbers at p, and `fill` in the other lanes.
  static Pack load(const S* p, Index count, S fill) { return count == lanes ? load(p) : load_some(p, count, fill); }
  /// Writes all numbers to p, of any alignment.
  void store(S* p) const { Eigen::internal::pstoreu(p, raw); }
  /// Writes the first `count` numbers to p.
  void store(S* p, Index count) const {
    if (count == lanes) return store(p);
    if constexpr (masks) {
      Eigen::internal::pstoreu(p, raw, mask(count));
    } else {
      store_some(*this, p, count);
    }
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

 private:
  /// Whether Eigen reads and writes some lanes of this packet.
  static constexpr bool masks = Eigen::internal::unpacket_traits<Raw>::masked_load_available &&
                                Eigen::internal::unpacket_traits<Raw>::masked_store_available;
  static auto mask(Index count) {
    return typename Eigen::internal::unpacket_traits<Raw>::mask_t((1u << unsigned(count)) - 1u);
  }
  RESIDUAL_NOINLINE static Pack load_some(const S* p, Index count, S fill) {
    S buffer[std::size_t(lanes)];
    for (Index i = 0; i < lanes; ++i) buffer[i] = i < count ? p[i] : fill;
    return load(buffer);
  }
  RESIDUAL_NOINLINE static void store_some(Pack a, S* p, Index count) {
    S buffer[std::size_t(lanes)];
    a.store(buffer);
    for (Index i = 0; i < count; ++i) p[i] = buffer[i];
  }
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
/// The root, lane by lane, to the last digit where the target has fma: a step of Newton's behind Eigen's, which on some targets
/// is a unit or two off, and not a number at infinity. 0 of what is less than the smallest normal number, since some targets'
/// instructions raise the floating-point exception FE_INVALID there.
template <class S>
Pack<S> sqrt(const Pack<S>& a) {
  if constexpr (Pack<S>::lanes == 1) {
    using std::sqrt;
    return sqrt(a.raw);
  } else {
    using Limits = std::numeric_limits<S>;
    const Pack<S> zero(S(0)), least(Limits::min()), most(Limits::max());
    const Pack<S> x = if_less(a, least, least, a), root = Eigen::internal::psqrt(x.raw);
    const Pack<S> more = fma(zero - root, root, x) / (root + root);
    return if_less(a, least, zero, if_less(most, a, a, root + more));
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

/// erf(x), by std::erf.
template <class S>
Pack<S> erf(const Pack<S>& x) {
  return x.each([](const S& v) {
    using std::erf;
    return S(erf(v));
  });
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
RESIDUAL_FLATTEN Pack<S> tanh(const Pack<S>& x) {
  if constexpr (Pack<S>::lanes > 1 && Eigen::internal::packet_traits<S>::HasTanh) {
    return Eigen::internal::ptanh(x.raw);
  } else {
    return x.each([](const S& v) {
      using std::tanh;
      return S(tanh(v));
    });
  }
}

/// Writes the transpose of rows x cols numbers, at most Pack::lanes each, and zeros in the lanes beyond `rows`.
template <class S>
RESIDUAL_FLATTEN void transpose_block(const S* from, Index from_stride, Index rows, Index cols, S* to,
                                      Index to_stride) {
  constexpr Index lanes = Pack<S>::lanes;
  if constexpr (lanes == 1) {
    *to = *from;
  } else {
    S whole[std::size_t(lanes * lanes)], turned[std::size_t(lanes * lanes)];
    const bool is_whole = rows == lanes && cols == lanes;
    for (Index i = 0; !is_whole && i < lanes; ++i) {
      (i < rows ? Pack<S>::load(from + i * from_stride, cols) : Pack<S>(S(0))).store(whole + i * lanes);
    }
    const S* row = is_whole ? from : whole;
    S* column = is_whole ? to : turned;
    const Index row_stride = is_whole ? from_stride : lanes, column_stride = is_whole ? to_stride : lanes;
    Eigen::internal::PacketBlock<typename Pack<S>::Raw, int(lanes)> block;
    RESIDUAL_UNROLL(16)
    for (Index i = 0; i < lanes; ++i, row += row_stride) block.packet[i] = Pack<S>::load(row).raw;
    Eigen::internal::ptranspose(block);
    RESIDUAL_UNROLL(16)
    for (Index i = 0; i < lanes; ++i, column += column_stride) Pack<S>(block.packet[i]).store(column);
    for (Index i = 0; !is_whole && i < cols; ++i) Pack<S>::load(turned + i * lanes).store(to + i * to_stride);
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

RESIDUAL_PACKETS_END

}  // namespace residual
