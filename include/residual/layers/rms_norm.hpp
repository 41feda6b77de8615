#pragma once

#include "residual/kernel/row_source.hpp"
#include "residual/layers/layer.hpp"

namespace residual {

/// Root-mean-square normalisation, Zhang and Sennrich 2019 (arXiv:1910.07467), for each row x of d features:
///
///     v = mean(x^2),  xhat = x / sqrt(v + epsilon),  y = gain xhat,  gain = weight + offset
///
/// The offset is 0, or 1 where the weight is stored minus 1 (Gemma).
/// backward, with g = gain dy:  dx += (g - xhat mean(g xhat)) / sqrt(v + epsilon)
template <class S>
struct RMSNorm {
  using Scalar = S;
  Index dim;
  S epsilon = S(1e-5);
  bool affine = true;  ///< the gain
  double offset = 0;   ///< gain minus weight

  /// Throws std::invalid_argument unless d and eps are greater than 0.
  explicit RMSNorm(Index d, S eps = S(1e-5), bool with_affine = true, double gain_offset = 0)
      : dim(d), epsilon(eps), affine(with_affine), offset(gain_offset) {
    check();
  }
  bool operator==(const RMSNorm&) const = default;
  void check() const {
    expect(dim > 0, "RMSNorm: dim is ", dim, ", but a row must have 1 feature or more.");
    expect(is_finite(S(offset)), "RMSNorm: offset is ", offset, ", but it must be a number, such as 0 or 1.");
    expect(epsilon > S(0) && is_finite(epsilon), "RMSNorm: epsilon is ", epsilon,
           ", but it must be a number greater than 0, for example 1e-5.");
  }

  struct Params {
    RowView<S> weight;
    void carve(Carver<S>& c, const RMSNorm& norm) {
      c("weight", weight, norm.affine ? norm.dim : 0, starts::at(1 - norm.offset));
    }
  };
  struct Tape {
    TokensView<S> xhat;
    ColumnView<S> rsigma;
    void carve(Carver<S>& c, const RMSNorm& norm, const Pass<S>& pass) {
      c("xhat", xhat, pass.kept_tokens(), norm.dim);
      c("rsigma", rsigma, pass.kept_tokens());
    }
  };

  /// x may be any expression of rows; each is computed once.
  void forward(const Params& p, Tape& t, const Pass<S>& pass, const RowSource<S>& x, Out<S> y) const {
    using std::sqrt;
    expect_shape("RMSNorm: x", x, pass.tokens(), dim);
    expect_shape("RMSNorm: y", y, pass.tokens(), dim);
    parallel_ranges(pass.executor, x.rows(), row_grain(dim), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        S *yi = y.row_data(i), *xhat = pass.keep ? t.xhat.data() + i * dim : yi;
        const S* const xi = x.row(i, xhat);
        const S square = row_dot(xi, xi, dim) / S(dim);
        const S rsigma = S(1) / sqrt(square + epsilon);
        if (pass.keep) t.rsigma[i] = rsigma;
        each_pack<S>(dim, [&](Index j, auto n) {
          const auto h = Pack<S>::load(xi + j, n) * Pack<S>(rsigma);
          h.store(xhat + j, n);
          scale(p, h, j, n).store(yi + j, n);
        });
      }
    });
  }
  /// y of `forward` once more, from the tape.
  In<S> output(const Params& p, const Tape& t, const Pass<S>& pass, Out<S> u) const {
    if (!affine) return t.xhat;
    each_pack_of_rows<S>(pass.executor, u.rows(), dim, [&](Index i, Index j, auto n) {
      scale(p, Pack<S>::load(t.xhat.data() + i * dim + j, n), j, n).store(u.row_data(i) + j, n);
    });
    return u;
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("RMSNorm: dy", dy, pass.tokens(), dim);
    expect_shape("RMSNorm: dx", dx, pass.tokens(), dim);
    parallel_ranges(pass.executor, dy.rows(), row_grain(dim), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const S *xhat = t.xhat.data() + i * dim, *dyi = dy.row_data(i);
        const auto h = [&](Index j, auto n) { return Pack<S>::load(xhat + j, n); };
        const auto gi = [&](Index j, auto n) {
          const auto d = Pack<S>::load(dyi + j, n);
          return affine ? d * gain(p, j, n) : d;
        };
        const Pack<S> slope(row_sum<S>(dim, [&](Index j, auto n) { return gi(j, n) * h(j, n); }) / S(dim));
        const Pack<S> rsigma(t.rsigma[i]);
        S* dxi = dx.row_data(i);
        each_pack<S>(dim, [&](Index j, auto n) {
          (Pack<S>::load(dxi + j, n) + rsigma * (gi(j, n) - h(j, n) * slope)).store(dxi + j, n);
        });
      }
    });
    if (!affine) return;
    const auto dgamma = [&](Index i, Index j, auto n) {
      return Pack<S>::load(dy.row_data(i) + j, n) * Pack<S>::load(t.xhat.data() + i * dim + j, n);
    };
    add_column_sums<S>(pass.executor, dy.rows(), dim, dgamma, g.weight.data());
  }

 private:
  template <class N>
  Pack<S> gain(const Params& p, Index j, N n) const {
    return Pack<S>::load(p.weight.data() + j, n) + Pack<S>(S(offset));
  }
  template <class N>
  Pack<S> scale(const Params& p, const Pack<S>& h, Index j, N n) const {
    return affine ? h * gain(p, j, n) : h;
  }
};

}  // namespace residual
