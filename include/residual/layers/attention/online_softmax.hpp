#pragma once

#include <algorithm>

#include "residual/kernel/exponential.hpp"
#include "residual/kernel/rows.hpp"

namespace residual {

/// The logit of an attention sink in units of `exp_unit`: a number where the logit is one.
template <class S>
S sink_in_units(const S& logit) {
  const S units = logit * exp_unit<S>(), most = std::numeric_limits<S>::max();
  return is_finite(logit) ? std::clamp(units, -most, most) : units;
}

/// Brings the numbers of a row of logits whose product with `unit` is more than S holds to the largest whose product is not.
template <class S>
RESIDUAL_NOINLINE void keep_finite(S* row, Index size, const S& unit) {
  using Limits = std::numeric_limits<S>;
  const Pack<S> most(Limits::max() * (S(1) - S(4) * Limits::epsilon()) / unit), infinite(Limits::infinity()),
      zero(S(0));
  each_pack<S>(size, [&](Index c, auto n) {
    const auto s = Pack<S>::load(row + c, n), distance = higher_of(s, zero - s),
               end = if_less(s, zero, zero - most, most);
    if_less(most, distance, if_less(distance, infinite, end, s), s).store(row + c, n);
  });
}
/// Whether `keep_finite` may have something to do in a row whose highest logit, times `unit`, is `units`: never where unit <= 1.
template <class S>
bool may_overflow(const S& units, const S& unit) {
  using Limits = std::numeric_limits<S>;
  const S end = Limits::max() * (S(1) - S(16) * Limits::epsilon());
  return unit > S(1) && (units > end || units < -end);
}

/// The softmax of a row that comes in tiles, Milakov and Gimelshein 2018 (arXiv:1805.02867): the highest logit so far, in units
/// of `exp_unit`, and the sum of e^(s - highest). Both are kept apart, since log(sum) is lost beside a large `highest`.
template <class S>
struct OnlineSoftmax {
  S highest, total;

  /// Of no logit yet.
  static OnlineSoftmax empty() { return {-std::numeric_limits<S>::infinity(), S(0)}; }
  /// Starts with an attention sink: a logit without a value.
  static OnlineSoftmax with_sink(S logit) { return {sink_in_units(logit), S(1)}; }

  /// Takes note of the highest of a tile's logits, which times `unit` are in units of `exp_unit`; returns the factor by which
  /// what the row has gathered so far must shrink.
  S rise(S* row, Index size, S unit) {
    const S before = highest;
    S most = row_highest(row, size);
    if (may_overflow(most * unit, unit)) {
      keep_finite(row, size, unit);
      most = row_highest(row, size);
    }
    highest = std::max(before, most * unit);
    if (before == highest) return S(1);
    const S shrink = exp_of_units<S>(before - highest);
    total *= shrink;
    return shrink;
  }
  /// Turns the logits that `rise` has seen last into e^(s - highest), which it gathers.
  void gather(S* row, Index size, S unit) {
    const S lowest = -std::numeric_limits<S>::infinity();
    const Pack<S> factor(unit), shift(highest == lowest ? S(0) : highest);
    total += row_sum<S>(size, [&](Index c, auto n) {
      const auto s = Pack<S>::load(row + c, n, lowest);
      auto e = exp_of_negative_units(rounded(s * factor) - shift);
      if constexpr (Pack<S>::lanes == 1) e = if_equal(s, Pack<S>(lowest), Pack<S>(S(0)), e);  // dual numbers
      e.store(row + c, n);
      return e;
    });
  }

  /// 1 / total, and 0 where the row saw no key.
  S weight() const { return total == S(0) ? S(0) : S(1) / total; }
  /// What backward subtracts from a logit in units of `exp_unit`: p = e^(s - shift()) weight() is 0 where the row saw no key.
  S shift() const {
    const S infinity = std::numeric_limits<S>::infinity();
    return highest == -infinity ? infinity : highest;
  }
};

/// p = e^(s - shift) weight and ds = p (dp - delta) slope over a row, where p holds logits that are in units of `exp_unit`, as
/// shift is, once multiplied by `unit`, and ds holds dp. With `hides` a key whose p is 0 has ds = 0, whatever its dp.
template <class S>
void pull_softmax(bool hides, S* p, S* ds, Index size, S unit, S shift, S weight, S delta, S slope) {
  if (may_overflow(shift, unit)) keep_finite(p, size, unit);
  const Pack<S> factor(unit), m(shift), w(weight), d(delta), k(slope), zero(S(0));
  const Pack<S> blocked(-std::numeric_limits<S>::infinity());
  each_pack<S>(size, [&](Index c, auto n) {
    const auto s = Pack<S>::load(p + c, n);
    auto e = exp_of_negative_units(rounded(s * factor) - m) * w;
    if constexpr (Pack<S>::lanes == 1) e = if_equal(s, blocked, zero, e);
    (e * (Pack<S>::load(ds + c, n) - d) * k).store(ds + c, n);
    e.store(p + c, n);
  });
  if (!hides) return;
  each_pack<S>(size, [&](Index c, auto n) {
    if_equal(Pack<S>::load(p + c, n), zero, zero, Pack<S>::load(ds + c, n)).store(ds + c, n);
  });
}

}  // namespace residual
