#pragma once

#include <type_traits>

#include "residual/core/check.hpp"
#include "residual/kernel/exponential.hpp"

namespace residual {

/// The activations that a feed-forward layer may have. GELU has two forms; say which.
enum class Activation { relu, gelu_erf, gelu_tanh, silu, relu_squared };

/// max(x, 0), with slope 0 at 0; -0 and NaN stay.
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

/// The normal distribution Phi(x) = erfc(-x / sqrt 2) / 2 and e^(-x^2 / 2), which it needs below -3, where
/// (1 + erf(x / sqrt 2)) / 2 has lost its digits.
template <class S>
struct Gaussian {
  /// Both, for every lane.
  explicit Gaussian(const Pack<S>& x) : phi(phi_of(x)), bell(exp(x * x * Pack<S>(S(-0.5)))) {}
  /// Phi alone.
  static Pack<S> phi_of(const Pack<S>& x) {
    const Pack<S> half(S(0.5)), z = x * Pack<S>(S(0.707106781186547524400844362104849L)), tail(S(-3));
    const Pack<S> middle = half + half * erf(z);
    if (!some_less(x, tail)) return middle;
    return if_less(x, tail, half * erfc(Pack<S>(S(0)) - z), middle);
  }
  Pack<S> phi, bell;
};
/// In float Phi(-a) = e^(-a^2 / 2) p(a) / q(a) for a >= 0, to 1.2e-8 of itself, and for |x| <= 3, in half of the time,
/// Phi(x) = 1/2 + x p(x^2) / q(x^2), to 1.4e-8. Remez' exchange found the coefficients.
template <class S>
  requires(std::is_same_v<S, float>&& Pack<S>::lanes > 1)
struct Gaussian<S> {
  explicit Gaussian(const Pack<S>& x) {
    const Pack<S> a = lower_of(abs(x), Pack<S>(S(13.2)));  // where Phi(-a) is 0
    bell = exp_of_half_square(a);
    const auto p = polynomial(a, {.499999998, .423859291, .17233174, .036898601, .00354592993});
    const auto q = polynomial(a, {1, 1.64560292, 1.15766605, .440639128, .092501488, .00888811577});
    const Pack<S> tail = bell * (p / q);
    phi = if_less(x, Pack<S>(S(0)), tail, Pack<S>(S(1)) - tail);
  }
  static Pack<S> phi_of(const Pack<S>& x) {
    const Pack<S> a = abs(x), tail(S(3)), inner = lower_of(a, tail), square = inner * inner;
    const auto p = polynomial(square, {.398942292, .0195161363, .00313860171, -6.12303032e-6, 4.53329745e-7});
    const auto q = polynomial(square, {1, .215586885, .0187968815, .000705840689});
    const Pack<S> middle = fma(x, p / q, Pack<S>(S(0.5)));
    if (!some_less(tail, a)) return middle;
    return if_less(tail, a, Gaussian(x).phi, middle);
  }
  Pack<S> phi, bell;
};

/// GELU, Hendrycks and Gimpel 2016 (arXiv:1606.08415): x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2.
struct GeluErf {
  /// The function, for every lane.
  template <class S>
  static Pack<S> value(const Pack<S>& x) {
    return x * Gaussian<S>::phi_of(x);
  }
  /// Its derivative, for every lane.
  template <class S>
  static Pack<S> slope(const Pack<S>& x) {
    const Gaussian<S> at(x);
    return at.phi + x * Pack<S>(S(0.398942280401432677939946059934382L)) * at.bell;
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

/// Throws unless it is one of the activations; `who` has it.
inline void expect_activation(const char* who, Activation activation) {
  bool known = false;
  with_activation(activation, [&](auto) { known = true; });
  expect(known, who, ": activation is number ", int(activation),
         ", which no activation has; give one of Activation, such as Activation::relu.");
}

}  // namespace residual
