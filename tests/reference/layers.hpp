#pragma once

#include <cmath>

#include "reference/attention.hpp"
#include "residual/kernel/activation.hpp"

namespace reference {

using residual::Activation;
using Number = long double;
using RowVector = residual::Row<long double>;

/// y = x W + b, a row of b for every row of x.
struct Linear {
  Matrix W;
  RowVector b;

  Matrix forward(const Matrix& x) const { return (x * W).rowwise() + b; }
  struct Gradient {
    Matrix x, W;
    RowVector b;
  };
  Gradient pull(const Matrix& x, const Matrix& dy) const {
    return {dy * W.transpose(), x.transpose() * dy, dy.colwise().sum()};
  }
};

/// y = gamma (x - mean) / sqrt(var + eps) + beta; without `centred` the root mean square in place of the deviation.
struct Norm {
  RowVector gamma, beta;
  Number epsilon;
  bool centred = true;

  Matrix xhat(const Matrix& x) const {
    Matrix h = x;
    for (Index i = 0; i < x.rows(); ++i) {
      if (centred) h.row(i).array() -= x.row(i).mean();
      h.row(i) /= deviation(x, i);
    }
    return h;
  }
  Matrix forward(const Matrix& x) const {
    return (xhat(x).array().rowwise() * gamma.array()).matrix().rowwise() + beta;
  }
  struct Gradient {
    Matrix x;
    RowVector gamma, beta;
  };
  Gradient pull(const Matrix& x, const Matrix& dy) const {
    const Matrix h = xhat(x), g = dy.array().rowwise() * gamma.array();
    Matrix dx = g;
    for (Index i = 0; i < x.rows(); ++i) {
      const Number slope = g.row(i).dot(h.row(i)) / Number(x.cols());
      dx.row(i) -= h.row(i) * slope;
      if (centred) dx.row(i).array() -= g.row(i).mean();
      dx.row(i) /= deviation(x, i);
    }
    return {dx, dy.cwiseProduct(h).colwise().sum(), dy.colwise().sum()};
  }

 private:
  Number deviation(const Matrix& x, Index i) const {
    const Number mean = centred ? x.row(i).mean() : 0;
    return std::sqrt((x.row(i).array() - mean).square().mean() + epsilon);
  }
};

inline Number activated(Activation activation, Number x) {
  const Number root = std::sqrt(2 / std::acos(Number(-1)));
  switch (activation) {
    case Activation::relu:
      return std::max<Number>(x, 0);
    case Activation::gelu_erf:
      return x / 2 * std::erfc(-x / std::sqrt(Number(2)));
    case Activation::gelu_tanh:
      return x / 2 * (1 + std::tanh(root * (x + Number(0.044715L) * x * x * x)));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::relu_squared:
      return std::max<Number>(x, 0) * std::max<Number>(x, 0);
  }
  return x;
}
/// Its slope, by a difference in both directions: exact to about 1e-12.
inline Number slope(Activation activation, Number x) {
  const Number h = 1e-6L;
  return (activated(activation, x + h) - activated(activation, x - h)) / (2 * h);
}
inline Matrix activated(Activation activation, const Matrix& h) {
  return h.unaryExpr([&](Number x) { return activated(activation, x); });
}
inline Matrix slopes(Activation activation, const Matrix& h) {
  return h.unaryExpr([&](Number x) { return slope(activation, x); });
}

/// y = phi(x W1 + b1) W2 + b2.
struct FeedForward {
  Linear first, second;
  Activation activation;

  Matrix forward(const Matrix& x) const { return second.forward(activated(activation, first.forward(x))); }
  struct Gradient {
    Linear::Gradient first, second;
  };
  Gradient pull(const Matrix& x, const Matrix& dy) const {
    const Matrix h = first.forward(x);
    const auto second_pull = second.pull(activated(activation, h), dy);
    return {first.pull(x, second_pull.x.cwiseProduct(slopes(activation, h))), second_pull};
  }
};

/// y = (phi(x W_gate + b_gate) * (x W_up + b_up)) W_down + b_down.
struct GatedFeedForward {
  Linear gate, up, down;
  Activation activation;

  Matrix forward(const Matrix& x) const {
    return down.forward(activated(activation, gate.forward(x)).cwiseProduct(up.forward(x)));
  }
  struct Gradient {
    Matrix x;
    Linear::Gradient gate, up, down;
  };
  Gradient pull(const Matrix& x, const Matrix& dy) const {
    const Matrix h = gate.forward(x), u = up.forward(x), a = activated(activation, h);
    const auto d = down.pull(a.cwiseProduct(u), dy);
    const auto dg = gate.pull(x, d.x.cwiseProduct(u).cwiseProduct(slopes(activation, h))),
               du = up.pull(x, d.x.cwiseProduct(a));
    return {dg.x + du.x, dg, du, d};
  }
};

/// Rotates the pair (a, b) of a head's entries at position t by the angle t theta^(-2 pair / width).
inline void rotate(Number& a, Number& b, Index t, Index pair, Index width, Number theta) {
  const Number angle = Number(t) * std::pow(theta, Number(-2 * pair) / Number(width));
  const Number x = a, y = b;
  a = x * std::cos(angle) - y * std::sin(angle);
  b = y * std::cos(angle) + x * std::sin(angle);
}

}  // namespace reference
