#pragma once

#include "residual/layers/activation.hpp"
#include "residual/layers/dropout.hpp"
#include "residual/layers/linear.hpp"

namespace residual {

/// The position-wise feed-forward layer, Vaswani et al. 2017 (arXiv:1706.03762):
///
///     h = x W1 + b1,   y = phi(h) W2 + b2
///
/// backward:  dh = phi'(h) (dy W2^T),  dx += dh W1^T.  Dropout, if any, acts on phi(h).
template <class S>
struct FeedForward {
  using Scalar = S;
  static constexpr const char* name = "";
  Index dim, hidden;
  Activation activation = Activation::relu;
  bool bias = true;
  double dropout = 0;
  bool operator==(const FeedForward&) const = default;

  Linear<S> linear1() const { return {dim, hidden, bias}; }
  Linear<S> linear2() const { return {hidden, dim, bias}; }

  struct Params {
    typename Linear<S>::Params linear1, linear2;
    void carve(Carver<S>& c, const FeedForward& f) {
      c("linear1.", linear1, f.linear1());
      c("linear2.", linear2, f.linear2());
    }
  };
  struct Tape {
    TokensView<S> x, h;
    void carve(Carver<S>& c, const FeedForward& f, const Pass<S>& pass) {
      c("x", x, pass.tokens(), f.dim);
      c("h", h, pass.tokens(), f.hidden);
    }
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("FeedForward: x", x, pass.tokens(), dim);
    expect_shape("FeedForward: y", y, pass.tokens(), dim);
    t.x = x;
    auto a = pass.workspace.temp(x.rows(), hidden);
    affine<S>(pass.executor, t.x, p.linear1.weight, p.linear1.bias, t.h,
              [&](Index i, Index j, Index rows, Index cols) { activate(pass, t.h, a, i, j, rows, cols); });
    affine<S>(pass.executor, a, p.linear2.weight, p.linear2.bias, y);
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("FeedForward: dy", dy, pass.tokens(), dim);
    expect_shape("FeedForward: dx", dx, pass.tokens(), dim);
    auto a = pass.workspace.temp(dy.rows(), hidden);
    {
      parallel_ranges(pass.executor, dy.rows(), row_grain(hidden),
                      [&](Index begin, Index end) { activate(pass, t.h, a, begin, 0, end - begin, hidden); });
      product<S>(pass.executor, transposed<S>(a), dy, g.linear2.weight, Write::add);
      if (bias) add_column_sums<S>(pass.executor, dy, g.linear2.bias.data());
    }
    auto& dh = a;  // phi(h) is not needed any more
    product<S>(pass.executor, dy, transposed<S>(p.linear2.weight), dh, Write::overwrite,
               [&](Index i, Index j, Index rows, Index cols) { pull_activation(pass, t.h, dh, i, j, rows, cols); });
    affine_pull<S>(pass.executor, t.x, p.linear1.weight, dh, dx, g.linear1.weight, g.linear1.bias);
  }

 private:
  /// a = dropout(phi(h)) in a block.
  void activate(const Pass<S>& pass, In<S> h, Out<S> a, Index i, Index j, Index rows, Index cols) const {
    const Dropout<S> drop(dropout, pass, Purpose::activation);
    with_activation(activation, [&](auto phi) {
      for (Index r = i; r < i + rows; ++r) {
        const S* from = h.row_data(r) + j;
        S* to = a.row_data(r) + j;
        each_pack<S>(cols, [&](Index c, auto n) { phi.value(Pack<S>::load(from + c, n)).store(to + c, n); });
        drop(r, j, cols, to);
      }
    });
  }
  /// dh = phi'(h) dropout(dh) in a block.
  void pull_activation(const Pass<S>& pass, In<S> h, Out<S> dh, Index i, Index j, Index rows, Index cols) const {
    const Dropout<S> drop(dropout, pass, Purpose::activation);
    with_activation(activation, [&](auto phi) {
      for (Index r = i; r < i + rows; ++r) {
        const S* from = h.row_data(r) + j;
        S* to = dh.row_data(r) + j;
        drop(r, j, cols, to);
        each_pack<S>(cols, [&](Index c, auto n) {
          (Pack<S>::load(to + c, n) * phi.slope(Pack<S>::load(from + c, n))).store(to + c, n);
        });
      }
    });
  }
};

}  // namespace residual
