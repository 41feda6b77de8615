#pragma once

#include "residual/kernel/exponential.hpp"
#include "residual/kernel/rows.hpp"

namespace residual {

/// The softmax of a row that comes in tiles, Milakov and Gimelshein 2018 (arXiv:1805.02867): the highest logit so far, in units
/// of `exp_unit`, and the sum of e^(s - highest). Both are kept apart, since log(sum) is lost beside a large `highest`.
template <class S>
struct OnlineSoftmax {
  S highest, total;

  /// Of no logit yet.
  static OnlineSoftmax empty() { return {-std::numeric_limits<S>::infinity(), S(0)}; }
  /// Starts with an attention sink: a logit without a value.
  static OnlineSoftmax with_sink(S logit) { return {logit * exp_unit<S>(), S(1)}; }

  /// Takes note of the highest of a tile's logits, which times `unit` are in units of `exp_unit`; returns the factor by which
  /// what the row has gathered so far must shrink.
  S rise(const S* row, Index size, S unit) {
    const S before = highest;
    highest = std::max(before, row_highest(row, size) * unit);
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
