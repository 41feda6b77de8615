#pragma once

#include "residual/kernel/row_source.hpp"
#include "residual/layers/layer.hpp"

namespace residual {

/// Layer normalisation, Ba et al. 2016 (arXiv:1607.06450), for each row x of d features:
///
///     m = mean(x),  v = mean((x - m)^2),  xhat = (x - m) / sqrt(v + epsilon),  y = gamma xhat + beta
///
/// A row of equal numbers, however large, has xhat = 0 and y = beta exactly.
/// backward, with g = gamma dy:  dx += (g - mean(g) - xhat mean(g xhat)) / sqrt(v + epsilon)
template <class S>
struct LayerNorm {
  using Scalar = S;
  Index dim;
  S epsilon = S(1e-5);
  bool affine = true;  ///< gamma and beta
  bool bias = true;    ///< beta; without it y = gamma xhat

  /// Throws std::invalid_argument unless d and eps are greater than 0.
  explicit LayerNorm(Index d, S eps = S(1e-5), bool with_affine = true, bool with_bias = true)
      : dim(d), epsilon(eps), affine(with_affine), bias(with_bias) {
    check();
  }
  bool operator==(const LayerNorm&) const = default;
  void check() const {
    expect(dim > 0, "LayerNorm: dim is ", dim, ", but a row must have 1 feature or more.");
    expect(epsilon > S(0) && is_finite(epsilon), "LayerNorm: epsilon is ", epsilon,
           ", but it must be a number greater than 0, for example 1e-5.");
  }

  struct Params {
    RowView<S> gamma, beta;
    void carve(Carver<S>& c, const LayerNorm& ln) {
      c("weight", gamma, ln.affine ? ln.dim : 0, starts::ones());
      c("bias", beta, ln.affine && ln.bias ? ln.dim : 0);
    }
  };
  struct Tape {
    TokensView<S> xhat;
    ColumnView<S> rsigma;
    void carve(Carver<S>& c, const LayerNorm& ln, const Pass<S>& pass) {
      c("xhat", xhat, pass.kept_tokens(), ln.dim);
      c("rsigma", rsigma, pass.kept_tokens());
    }
  };

  /// x may be any expression of rows; each is computed once.
  void forward(const Params& p, Tape& t, const Pass<S>& pass, const RowSource<S>& x, Out<S> y) const {
    using std::sqrt;
    expect_shape("LayerNorm: x", x, pass.tokens(), dim);
    expect_shape("LayerNorm: y", y, pass.tokens(), dim);
    parallel_ranges(pass.executor, x.rows(), row_grain(dim), [&](Index begin, Index end) {
      const S share = S(1) / S(dim);
      for (Index i = begin; i < end; ++i) {
        S *yi = y.row_data(i), *xhat = pass.keep ? t.xhat.data() + i * dim : yi;
        const S* const xi = x.row(i, xhat);
        const S first = xi[0];  // of which a row of equal numbers has the mean exactly
        const S mean = first + share * row_sum<S>(dim, [&](Index j, auto n) {
                                 return Pack<S>::load(xi + j, n, first) - Pack<S>(first);
                               });
        const Pack<S> m(mean);
        const S variance = share * row_sum<S>(dim, [&](Index j, auto n) {
                             const auto c = Pack<S>::load(xi + j, n, mean) - m;
                             return c * c;
                           });
        const S rsigma = S(1) / sqrt(variance + epsilon);
        if (pass.keep) t.rsigma[i] = rsigma;
        each_pack<S>(dim, [&](Index j, auto n) {
          const auto h = (Pack<S>::load(xi + j, n) - m) * Pack<S>(rsigma);
          h.store(xhat + j, n);
          scale_and_shift(p, h, j, n).store(yi + j, n);
        });
      }
    });
  }
  /// y of `forward` once more, from the tape.
  In<S> output(const Params& p, const Tape& t, const Pass<S>& pass, Out<S> u) const {
    if (!affine) return t.xhat;
    each_pack_of_rows<S>(pass.executor, u.rows(), dim, [&](Index i, Index j, auto n) {
      scale_and_shift(p, Pack<S>::load(t.xhat.data() + i * dim + j, n), j, n).store(u.row_data(i) + j, n);
    });
    return u;
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("LayerNorm: dy", dy, pass.tokens(), dim);
    expect_shape("LayerNorm: dx", dx, pass.tokens(), dim);
    parallel_ranges(pass.executor, dy.rows(), row_grain(dim), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const S *xhat = t.xhat.data() + i * dim, *dyi = dy.row_data(i);
        const auto h = [&](Index j, auto n) { return Pack<S>::load(xhat + j, n); };
        const auto gi = [&](Index j, auto n) {
          const auto d = Pack<S>::load(dyi + j, n);
          return affine ? d * Pack<S>::load(p.gamma.data() + j, n) : d;
        };
        const Pack<S> mean(row_sum<S>(dim, gi) / S(dim));
        const Pack<S> slope(row_sum<S>(dim, [&](Index j, auto n) { return gi(j, n) * h(j, n); }) / S(dim));
        const Pack<S> rsigma(t.rsigma[i]);
        S* dxi = dx.row_data(i);
        each_pack<S>(dim, [&](Index j, auto n) {
          const auto inner = gi(j, n) - mean - h(j, n) * slope;
          (Pack<S>::load(dxi + j, n) + rsigma * inner).store(dxi + j, n);
        });
      }
    });
    const auto dgamma = [&](Index i, Index j, auto n) {
      return Pack<S>::load(dy.row_data(i) + j, n) * Pack<S>::load(t.xhat.data() + i * dim + j, n);
    };
    if (affine) add_column_sums<S>(pass.executor, dy.rows(), dim, dgamma, g.gamma.data());
    if (affine && bias) add_column_sums<S>(pass.executor, dy, g.beta.data());
  }

 private:
  template <class N>
  Pack<S> scale_and_shift(const Params& p, const Pack<S>& h, Index j, N n) const {
    if (!affine) return h;
    const auto scaled = rounded(h * Pack<S>::load(p.gamma.data() + j, n));  // the same bits wherever this is inlined
    return bias ? scaled + Pack<S>::load(p.beta.data() + j, n) : scaled;
  }
};

}  // namespace residual
