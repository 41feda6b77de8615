#pragma once

#include <cmath>
#include <limits>
#include <optional>

#include "residual/core/view.hpp"

namespace reference {

using residual::Index;
using Matrix = residual::Tokens<long double>;

/// One head of attention of one sequence as its formulas stand in a textbook, in long double.
struct Attention {
  Matrix q, k, v;
  Matrix bias;                        ///< [queries x keys], what is added to the logits; -infinity: hidden
  long double scale = 1, cap = 0;     ///< logits are scale q . k, capped where cap > 0
  std::optional<long double> sink{};  ///< a logit without a value

  /// scale q k^T.
  Matrix raw() const { return scale * (q * k.transpose()); }
  /// The logits.
  Matrix logits() const {
    const Matrix s = raw();
    return s.unaryExpr([&](long double x) { return cap > 0 ? cap * std::tanh(x / cap) : x; }) + bias;
  }
  /// softmax of each row; a row that sees no key is 0.
  Matrix p() const {
    Matrix s = logits();
    for (Index i = 0; i < s.rows(); ++i) {
      long double most = -std::numeric_limits<long double>::infinity();
      for (Index j = 0; j < s.cols(); ++j) most = std::max(most, s(i, j));
      if (std::isinf(most)) {
        s.row(i).setZero();
        continue;
      }
      if (sink) most = std::max(most, *sink);
      long double total = sink ? std::exp(*sink - most) : 0;
      for (Index j = 0; j < s.cols(); ++j) total += s(i, j) = std::exp(s(i, j) - most);
      s.row(i) /= total;
    }
    return s;
  }
  Matrix o() const { return p() * v; }

  struct Gradient {
    Matrix q, k, v;
    long double sink = 0;
  };
  /// The gradient of <o, dy>.
  Gradient pull(const Matrix& dy) const {
    const Matrix weights = p(), dp = dy * v.transpose();
    Matrix ds = weights;
    Gradient g;
    for (Index i = 0; i < ds.rows(); ++i) {
      const long double delta = weights.row(i).dot(dp.row(i)), rest = 1 - weights.row(i).sum();
      for (Index j = 0; j < ds.cols(); ++j) ds(i, j) *= dp(i, j) - delta;
      if (sink && weights.row(i).sum() > 0) g.sink -= rest * delta;
    }
    if (cap > 0) {
      ds.array() *= raw().unaryExpr([&](long double x) { return 1 - std::pow(std::tanh(x / cap), 2.0L); }).array();
    }
    g.q = scale * (ds * k);
    g.k = scale * (ds.transpose() * q);
    g.v = weights.transpose() * dy;
    return g;
  }
};

}  // namespace reference
