#pragma once

#include "residual/kernel/simd.hpp"

namespace residual {

/// The activations that a feed-forward layer may have. GELU has two forms; say which.
enum class Activation { relu, gelu_erf, gelu_tanh, silu, relu_squared };

/// max(x, 0), with slope 0 at 0.
struct Relu {
  /// The function, for every lane.
  template <class S>
  static Pack<S> value(const Pack<S>& x) {
    return if_less(x, Pack<S>(S(0)), Pack<S>(S(0)), x);
  }
  /// Its derivative, for every lane.
  template <class S>
  static Pack<S> slope(const Pack<S>& x) {
    return if_less(Pack<S>(S(0)), x, Pack<S>(S(1)), Pack<S>(S(0)));
  }
};

/// max(x, 0)^2, So et al. 2021 (arXiv:2109.08668).
struct ReluSquared {
  template <class S>
  static Pack<S> value(const Pack<S>& x) {
    const auto r = Relu::value(x);
    return r * r;
  }
  template <class S>
  static Pack<S> slope(const Pack<S>& x) {
    const auto r = Relu::value(x);
    return r + r;
  }
};

/// 1 / (1 + e^-x).
template <class S>
Pack<S> sigmoid(const Pack<S>& x) {
  const Pack<S> one(S(1));
  return one / (one + exp(Pack<S>(S(0)) - x));
}

/// SiLU, Elfwing et al. 2017 (arXiv:1702.03118): x sigmoid(x).
struct Silu {
  /// The function, for every lane.
  template <class S>
  static Pack<S> value(const Pack<S>& x) {
    return x * sigmoid(x);
  }
  /// Its derivative, for every lane.
  template <class S>
  static Pack<S> slope(const Pack<S>& x) {
    const Pack<S> one(S(1)), s = sigmoid(x);
    return s * (one + x * (one - s));
  }
};

/// GELU, Hendrycks and Gimpel 2016 (arXiv:1606.08415): x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2.
struct GeluErf {
  /// Phi(x), the normal distribution.
  template <class S>
  static Pack<S> phi(const Pack<S>& x) {
    const S half = S(0.5), sqrt_half = S(0.707106781186547524400844362104849L);
    return Pack<S>(half) + Pack<S>(half) * erf(x * Pack<S>(sqrt_half));
  }
  /// The function, for every lane.
  template <class S>
  static Pack<S> value(const Pack<S>& x) {
    return x * phi(x);
  }
  /// Its derivative, for every lane.
  template <class S>
  static Pack<S> slope(const Pack<S>& x) {
    const S density = S(0.398942280401432677939946059934382L);
    return phi(x) + x * Pack<S>(density) * exp(x * x * Pack<S>(S(-0.5)));
  }
};

/// GELU in its tanh form: x (1 + tanh u) / 2 = x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3).
struct GeluTanh {
  /// The function, for every lane.
  template <class S>
  static Pack<S> value(const Pack<S>& x) {
    return x * sigmoid(twice_u(x));
  }
  /// Its derivative, for every lane.
  template <class S>
  static Pack<S> slope(const Pack<S>& x_any) {
    const Pack<S> x =
        higher_of(lower_of(x_any, Pack<S>(S(100))), Pack<S>(S(-100)));  // where it is 1 or 0: x^2 does not overflow
    const Pack<S> one(S(1)), s = sigmoid(twice_u(x));
    const Pack<S> du = Pack<S>(root<S>) * (one + Pack<S>(S(3) * cubic<S>) * x * x);
    return s * (one + x * (one - s) * du);
  }

 private:
  template <class S>
  static inline const S root = S(1.59576912160573071175978423973801L);  // 2 sqrt(2 / pi)
  template <class S>
  static inline const S cubic = S(0.044715L);
  template <class S>
  static Pack<S> twice_u(const Pack<S>& x) {
    return Pack<S>(root<S>) * (x + Pack<S>(cubic<S>) * x * x * x);
  }
};

/// Calls f with the activation as a type.
template <class F>
void with_activation(Activation activation, F&& f) {
  switch (activation) {
    case Activation::relu:
      return f(Relu());
    case Activation::gelu_erf:
      return f(GeluErf());
    case Activation::gelu_tanh:
      return f(GeluTanh());
    case Activation::silu:
      return f(Silu());
    case Activation::relu_squared:
      return f(ReluSquared());
  }
}

}  // namespace residual
