#pragma once

#include "residual/kernel/exponential.hpp"
#include "residual/kernel/row_source.hpp"
#include "residual/layers/layer.hpp"

namespace residual {

/// tanh(z), the curve of DyT.
struct TanhCurve {
  static constexpr bool shifts = false;
  template <class S>
  static Pack<S> value(const Pack<S>& z) {
    return tanh(z);
  }
  template <class S>
  static Pack<S> slope(const Pack<S>& z) {
    const Pack<S> t = tanh(z);
    return Pack<S>(S(1)) - t * t;
  }
};

/// erf(z), the curve of Derf.
struct ErfCurve {
  static constexpr bool shifts = true;
  template <class S>
  static Pack<S> value(const Pack<S>& z) {
    return erf(z);
  }
  template <class S>
  static Pack<S> slope(const Pack<S>& z) {
    return Pack<S>(S(1.12837916709551257389615890312155L)) * exp(Pack<S>(S(0)) - z * z);
  }
};

/// A learned curve of each entry in the place of a norm, without statistics of the row:
///
///     y = gamma curve(alpha x + s) + beta,      alpha and s one number each; s where the curve has it
///
/// backward, with g = gamma curve'(alpha x + s) dy:  dx += alpha g,  dalpha += sum g x,  ds += sum g
template <class S, class Curve>
struct PointwiseNorm {
  using Scalar = S;
  Index dim;
  bool affine = true;        ///< gamma and beta
  bool bias = true;          ///< beta
  double alpha_start = 0.5;  ///< of alpha, when training begins

  /// Throws unless d is greater than 0.
  explicit PointwiseNorm(Index d, bool with_bias = true) : dim(d), bias(with_bias) { check(); }
  bool operator==(const PointwiseNorm&) const = default;
  void check() const {
    expect(dim > 0, "PointwiseNorm: dim is ", dim, ", but a row must have 1 feature or more.");
    expect(is_finite(S(alpha_start)), "PointwiseNorm: alpha_start is ", alpha_start, ", but it must be a number.");
  }

  struct Params {
    RowView<S> gamma, beta, alpha, shift;
    void carve(Carver<S>& c, const PointwiseNorm& norm) {
      c("weight", gamma, norm.affine ? norm.dim : 0, starts::ones());
      c("bias", beta, norm.affine && norm.bias ? norm.dim : 0);
      c("alpha", alpha, 1, starts::at(norm.alpha_start));
      c("shift", shift, Curve::shifts ? 1 : 0);
    }
  };
  struct Tape {
    TokensView<S> x;
    void carve(Carver<S>& c, const PointwiseNorm& norm, const Pass<S>& pass) {
      c("x", x, pass.kept_tokens(), norm.dim);
    }
  };

  /// x may be any expression of rows.
  void forward(const Params& p, Tape& t, const Pass<S>& pass, const RowSource<S>& x, Out<S> y) const {
    expect_shape("PointwiseNorm: x", x, pass.tokens(), dim);
    expect_shape("PointwiseNorm: y", y, pass.tokens(), dim);
    parallel_ranges(pass.executor, x.rows(), row_grain(dim), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const S* const xi = x.row(i, y.row_data(i));
        each_pack<S>(dim, [&](Index j, auto n) {
          const auto v = Pack<S>::load(xi + j, n);
          if (pass.keep) v.store(t.x.data() + i * dim + j, n);
          value(p, v, j, n).store(y.row_data(i) + j, n);
        });
      }
    });
  }
  /// y of `forward` once more, from the tape.
  In<S> output(const Params& p, const Tape& t, const Pass<S>& pass, Out<S> u) const {
    each_pack_of_rows<S>(pass.executor, u.rows(), dim, [&](Index i, Index j, auto n) {
      value(p, Pack<S>::load(t.x.data() + i * dim + j, n), j, n).store(u.row_data(i) + j, n);
    });
    return u;
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("PointwiseNorm: dy", dy, pass.tokens(), dim);
    expect_shape("PointwiseNorm: dx", dx, pass.tokens(), dim);
    const Index rows = dy.rows();
    auto sums = pass.workspace.temp(2, rows);  // of g x and of g, a row each
    const auto x = [&](Index i, Index j, auto n) { return Pack<S>::load(t.x.data() + i * dim + j, n); };
    const Pack<S> alpha(p.alpha[0]);
    parallel_ranges(pass.executor, rows, row_grain(dim), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const auto gi = [&](Index j, auto n) {
          const auto d = Pack<S>::load(dy.row_data(i) + j, n) * Curve::slope(argument(p, x(i, j, n)));
          return affine ? d * Pack<S>::load(p.gamma.data() + j, n) : d;
        };
        sums(0, i) = row_sum<S>(dim, [&](Index j, auto n) { return gi(j, n) * x(i, j, n); });
        sums(1, i) = row_sum<S>(dim, gi);
        S* dxi = dx.row_data(i);
        each_pack<S>(dim, [&](Index j, auto n) { (Pack<S>::load(dxi + j, n) + alpha * gi(j, n)).store(dxi + j, n); });
      }
    });
    const auto total = [&](Index k) {
      return row_sum<S>(rows, [&](Index i, auto n) { return Pack<S>::load(sums.data() + k * rows + i, n); });
    };
    g.alpha[0] += total(0);
    if (Curve::shifts) g.shift[0] += total(1);
    if (!affine) return;
    const auto dgamma = [&](Index i, Index j, auto n) {
      return Pack<S>::load(dy.row_data(i) + j, n) * Curve::value(argument(p, x(i, j, n)));
    };
    add_column_sums<S>(pass.executor, rows, dim, dgamma, g.gamma.data());
    if (bias) add_column_sums<S>(pass.executor, dy, g.beta.data());
  }

 private:
  static Pack<S> argument(const Params& p, const Pack<S>& x) {
    const Pack<S> z = rounded(x * Pack<S>(p.alpha[0]));
    if constexpr (Curve::shifts) return z + Pack<S>(p.shift[0]);
    return z;
  }
  template <class N>
  Pack<S> value(const Params& p, const Pack<S>& x, Index j, N n) const {
    const Pack<S> v = Curve::value(argument(p, x));
    if (!affine) return v;
    const Pack<S> scaled = rounded(v * Pack<S>::load(p.gamma.data() + j, n));  // equal bits wherever this is inlined
    return bias ? scaled + Pack<S>::load(p.beta.data() + j, n) : scaled;
  }
};

/// Dynamic tanh, Zhu et al. 2025 (arXiv:2503.10622): y = gamma tanh(alpha x) + beta.
template <class S>
using DyT = PointwiseNorm<S, TanhCurve>;
/// Dynamic erf (arXiv:2512.10938): y = gamma erf(alpha x + s) + beta.
template <class S>
using Derf = PointwiseNorm<S, ErfCurve>;

}  // namespace residual
