#pragma once

#include <cmath>
#include <concepts>
#include <limits>
#include <ostream>

#include "residual/core/view.hpp"

namespace test_support {

/// A number and its derivative along some direction: forward-mode differentiation, and a scalar that the library has
/// never seen. Its functions are found by their argument, and none is constexpr.
template <class T>
struct Dual {
  T value, derivative;

  Dual() : value(0), derivative(0) {}
  template <class A>
    requires std::is_arithmetic_v<A> Dual(A a) : value(T(a)), derivative(0) {}
    Dual(T v, T d) : value(v), derivative(d) {}

    friend Dual operator+(const Dual& a, const Dual& b) { return {a.value + b.value, a.derivative + b.derivative}; }
    friend Dual operator-(const Dual& a, const Dual& b) { return {a.value - b.value, a.derivative - b.derivative}; }
    friend Dual operator*(const Dual& a, const Dual& b) {
      return {a.value * b.value, a.derivative * b.value + a.value * b.derivative};
    }
    friend Dual operator/(const Dual& a, const Dual& b) {
      const T quotient = a.value / b.value;
      return {quotient, (a.derivative - quotient * b.derivative) / b.value};
    }
    friend Dual operator-(const Dual& a) { return {-a.value, -a.derivative}; }
    Dual& operator+=(const Dual& b) { return *this = *this + b; }
    Dual& operator-=(const Dual& b) { return *this = *this - b; }
    Dual& operator*=(const Dual& b) { return *this = *this * b; }
    Dual& operator/=(const Dual& b) { return *this = *this / b; }

    /// Numbers that differ in their derivative alone are not the same number, but neither is less.
    bool operator==(const Dual&) const = default;
    friend bool operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
    friend bool operator>(const Dual& a, const Dual& b) { return b < a; }
    friend bool operator<=(const Dual& a, const Dual& b) { return !(b < a); }
    friend bool operator>=(const Dual& a, const Dual& b) { return !(a < b); }

    friend Dual sqrt(const Dual& a) {
      const T root = std::sqrt(a.value);
      return {root, a.derivative / (2 * root)};
    }
    friend Dual exp(const Dual& a) {
      const T e = std::exp(a.value);
      return {e, a.derivative * e};
    }
    friend Dual log(const Dual& a) { return {std::log(a.value), a.derivative / a.value}; }
    friend Dual erf(const Dual& a) {
      const T two_over_root_pi = 2 / std::sqrt(std::acos(T(-1)));
      return {std::erf(a.value), a.derivative * two_over_root_pi * std::exp(-a.value * a.value)};
    }
    friend Dual erfc(const Dual& a) {
      const T two_over_root_pi = 2 / std::sqrt(std::acos(T(-1)));
      return {std::erfc(a.value), -a.derivative * two_over_root_pi * std::exp(-a.value * a.value)};
    }
    friend Dual tanh(const Dual& a) {
      const T t = std::tanh(a.value);
      return {t, a.derivative * (1 - t * t)};
    }
    friend Dual abs(const Dual& a) { return a.value < 0 ? -a : a; }
    friend std::ostream& operator<<(std::ostream& stream, const Dual& a) {
      return stream << a.value << " + " << a.derivative << " e";
    }
};

}  // namespace test_support

template <class T>
struct std::numeric_limits<test_support::Dual<T>> : std::numeric_limits<T> {
  static test_support::Dual<T> infinity() { return std::numeric_limits<T>::infinity(); }
};

template <class T>
struct Eigen::NumTraits<test_support::Dual<T>> : Eigen::GenericNumTraits<test_support::Dual<T>> {
  using Real = test_support::Dual<T>;
  using NonInteger = Real;
  using Nested = Real;
  enum {
    IsComplex = 0,
    IsInteger = 0,
    IsSigned = 1,
    RequireInitialization = 1,
    ReadCost = 2,
    AddCost = 2,
    MulCost = 6
  };
};
