#pragma once

#include <cmath>

#include "residual/kernel/exponential.hpp"
#include "residual/layers/attention/heads.hpp"

namespace residual {

/// How q . k becomes a logit, in this order: divided by sqrt(width), capped, biased by distance; a mask comes after.
struct Scores {
  double width = 0;    ///< the logits are q . k / sqrt(width); 0: that of a head
  double softcap = 0;  ///< s becomes softcap tanh(s / softcap), Gemma 2 (arXiv:2408.00118); 0: as it is
  bool alibi = false;  ///< - slope |query - key|, Press et al. 2021 (arXiv:2108.12409), a slope a head

  /// Throws unless logits can be computed with them in S.
  template <class S>
  void check(const char* who) const {
    const auto fits = [](double x) { return x == 0 || (S(x) > S(0) && is_finite(S(x)) && is_finite(S(1) / S(x))); };
    expect(fits(width) && fits(softcap) && is_finite(S(softcap) * exp_unit<S>()), who, ": scores.width is ", width,
           ", scores.softcap ", softcap,
           ", but each must be 0, for none, or greater than 0 and, as its inverse and 1.4427 softcap, within the "
           "scalar's range.");
  }
  bool operator==(const Scores&) const = default;
};

/// ALiBi's slope of head h, from 0: 2^(-8 (h + 1) / heads) for a power of two; else those of the next lower power of two,
/// c, and for the heads beyond it every second slope of 2 c heads.
inline double alibi_slope(Index head, Index heads) {
  Index c = 1;
  while (2 * c <= heads) c *= 2;
  const double exponent =
      head < c ? -8. * double(head + 1) / double(c) : -8. * double(2 * (head - c) + 1) / double(2 * c);
  return std::exp2(exponent);
}

/// cap tanh(s / cap).
template <class S>
Pack<S> soft_capped(const Pack<S>& s, S cap) {
  return Pack<S>(cap) * tanh(s * Pack<S>(S(1) / cap));
}
/// Its slope, 1 - tanh^2(s / cap).
template <class S>
Pack<S> soft_cap_slope(const Pack<S>& s, S cap) {
  const Pack<S> t = tanh(s * Pack<S>(S(1) / cap));
  return Pack<S>(S(1)) - t * t;
}

}  // namespace residual
