#pragma once

#include <cmath>

#include "residual/layers/attention/maps.hpp"

namespace own {
using namespace residual;

/// Rotary positions as a user writes them: at position t the entries a = x[i] and b = x[i + w/2] of a head of w turn by
/// the angle t 10000^(-2i/w),   a' = a cos - b sin,   b' = b cos + a sin;   backward turns the other way.
template <class S>
struct Rotary {
  using Scalar = S;
  struct Params {
    void carve(auto&&...) {}  // neither parameters nor anything to keep
  };
  using Tape = Params;
  bool operator==(const Rotary&) const = default;
  void check(const Heads& h) const { expect(h.head_dim % 2 == 0, "own::Rotary: a head's entries turn in pairs."); }
  void forward(const Params&, Tape&, const Pass<S>& pass, const Heads& h, const QKV<Out<S>>& x) const {
    for (const Out<S>& of : {x.q, x.k}) turn(pass, h.head_dim, of, S(1));
  }
  void backward(const Params&, const Tape&, const Pass<S>& pass, const Heads& h, const QKV<Out<S>>& dx, Params&) const {
    for (const Out<S>& of : {dx.q, dx.k}) turn(pass, h.head_dim, of, S(-1));
  }
  static void turn(const Pass<S>& pass, Index w, Out<S> x, S sign) {
    for (Index s = 0, row = 0; s < pass.batch.sequences(); ++s)
      for (Index token = 0; token < pass.batch.length(s); ++token, ++row)
        for (Index head = 0; head < x.cols(); head += w)
          for (Index i = 0; i < w / 2; ++i) {
            const S angle = sign * S(pass.position(s, token)) * std::pow(S(10000), -S(2 * i) / S(w));
            const S a = x(row, head + i), b = x(row, head + i + w / 2);
            x(row, head + i) = a * std::cos(angle) - b * std::sin(angle);
            x(row, head + i + w / 2) = b * std::cos(angle) + a * std::sin(angle);
          }
  }
};

}  // namespace own
