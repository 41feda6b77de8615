#pragma once

#include "residual/kernel/activate.hpp"
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
  static constexpr bool mixes_tokens = false;
  Index dim;                                 ///< features of a token, of x and of y
  Index hidden;                              ///< features inside, of h
  Activation activation = Activation::relu;  ///< phi
  bool bias = true;                          ///< of both linear maps
  double dropout = 0;                        ///< the share of phi(h) that training drops
  bool operator==(const FeedForward&) const = default;
  void check() const {
    expect(dim > 0 && hidden > 0, "FeedForward: dim ", dim, ", hidden ", hidden, ", but both must be greater than 0.");
    expect_activation("FeedForward", activation);
    expect_rate("FeedForward: activation_dropout", dropout);
  }

  Linear<S> linear1() const { return {dim, hidden, bias}; }
  Linear<S> linear2() const { return {hidden, dim, bias}; }

  struct Params {
    typename Linear<S>::Params linear1, linear2;
    void carve(Carver<S>& c, const FeedForward& f) {
      c("linear1.", linear1, f.linear1(), Projection::up);
      c("linear2.", linear2, f.linear2(), Projection::down);
    }
  };
  struct Tape {
    TokensView<S> h;
    void carve(Carver<S>& c, const FeedForward& f, const Pass<S>& pass) { c("h", h, pass.kept_tokens(), f.hidden); }
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("FeedForward: x", x, pass.tokens(), dim);
    expect_shape("FeedForward: y", y, pass.tokens(), dim);
    const Index block = row_block(pass.executor, x.rows(), hidden * Index(sizeof(S)));
    auto memory = pass.workspace.temp(block, hidden);
    for_row_blocks(x.rows(), block, [&](Index begin, Index rows) {
      Out<S> a = Out<S>(memory).rows_from(0, rows), h = pass.keep ? Out<S>(t.h).rows_from(begin, rows) : a;
      affine<S>(pass, x.rows_from(begin, rows), p.linear1.weight, p.linear1.bias, h,
                [&](Index i, Index j, Index m, Index n) { activate_block(pass, begin, h, a, i, j, m, n); });
      affine<S>(pass, a, p.linear2.weight, p.linear2.bias, y.rows_from(begin, rows));
    });
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("FeedForward: dy", dy, pass.tokens(), dim);
    expect_shape("FeedForward: dx", dx, pass.tokens(), dim);
    const Index block = row_block(pass.executor, dy.rows(), hidden * Index(sizeof(S)));
    auto memory = pass.workspace.temp(block, hidden);
    ColumnSums<S> db1(pass.workspace, bias ? hidden : 0, g.linear1.bias.data());
    ColumnSums<S> db2(pass.workspace, bias ? dim : 0, g.linear2.bias.data());
    for_row_blocks(dy.rows(), block, [&](Index begin, Index rows) {
      const In<S> h = In<S>(t.h).rows_from(begin, rows), d = dy.rows_from(begin, rows);
      Out<S> a = Out<S>(memory).rows_from(0, rows);
      if (g.linear2.weight.data() != nullptr) {
        parallel_ranges(pass.executor, rows, row_grain(hidden), [&](Index first, Index end) {
          activate_block(pass, begin, h, a, first, 0, end - first, hidden);
        });
        product<S>(pass.executor, transposed<S>(a), d, g.linear2.weight, Write::add);
      }
      db2.add(pass.executor, d);
      Out<S> dh = a;  // phi(h) is not needed any more
      product<S>(pass.executor, d, transposed<S>(p.linear2.weight), dh, Write::overwrite,
                 [&](Index i, Index j, Index m, Index n) { pull_block(pass, begin, h, dh, i, j, m, n); });
      db1.add(pass.executor, dh);
      affine_pull<S>(pass.executor, x.rows_from(begin, rows), p.linear1.weight, dh, dx.rows_from(begin, rows),
                     g.linear1.weight, Out<S>());
    });
    db1.finish();
    db2.finish();
  }

 private:
  /// a = dropout(phi(h)) in rows i .. and columns j .. of the block that starts at row `begin`.
  void activate_block(const Pass<S>& pass, Index begin, In<S> h, Out<S> a, Index i, Index j, Index rows,
                      Index cols) const {
    Out<S> to = a.rows_from(i, rows).cols_from(j, cols);
    activate<S>(activation, h.rows_from(i, rows).cols_from(j, cols), to);
    Dropout<S>(dropout, pass, Purpose::activation)(begin + i, j, to);
  }
  /// dh = phi'(h) dropout(dh) there.
  void pull_block(const Pass<S>& pass, Index begin, In<S> h, Out<S> dh, Index i, Index j, Index rows,
                  Index cols) const {
    Out<S> to = dh.rows_from(i, rows).cols_from(j, cols);
    Dropout<S>(dropout, pass, Purpose::activation)(begin + i, j, to);
    pull_activation<S>(activation, h.rows_from(i, rows).cols_from(j, cols), to);
  }
};

}  // namespace residual
