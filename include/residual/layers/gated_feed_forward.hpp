#pragma once

#include "residual/layers/activation.hpp"
#include "residual/layers/dropout.hpp"
#include "residual/layers/linear.hpp"

namespace residual {

/// The gated feed-forward layer, Shazeer 2020 (arXiv:2002.05202), SwiGLU when the activation is SiLU:
///
///     h = x W_gate + b_gate,   u = x W_up + b_up,   y = (phi(h) * u) W_down + b_down      (* element by element)
///
/// backward, with da = dy W_down^T:  dh = phi'(h) u da,   du = phi(h) da,   dx += dh W_gate^T + du W_up^T.
/// Dropout, if any, acts on phi(h) * u.
template <class S>
struct GatedFeedForward {
  using Scalar = S;
  static constexpr const char* name = "";
  Index dim, hidden;
  Activation activation = Activation::silu;
  bool bias = true;
  double dropout = 0;
  bool operator==(const GatedFeedForward&) const = default;

  Linear<S> up_proj() const { return {dim, hidden, bias}; }
  Linear<S> down_proj() const { return {hidden, dim, bias}; }

  struct Params {
    typename Linear<S>::Params gate_proj, up_proj, down_proj;
    void carve(Carver<S>& c, const GatedFeedForward& f) {
      c("gate_proj.", gate_proj, f.up_proj());
      c("up_proj.", up_proj, f.up_proj());
      c("down_proj.", down_proj, f.down_proj());
    }
  };
  struct Tape {
    TokensView<S> x, h, u;
    void carve(Carver<S>& c, const GatedFeedForward& f, const Pass<S>& pass) {
      c("x", x, pass.tokens(), f.dim);
      c("h", h, pass.tokens(), f.hidden);
      c("u", u, pass.tokens(), f.hidden);
    }
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("GatedFeedForward: x", x, pass.tokens(), dim);
    expect_shape("GatedFeedForward: y", y, pass.tokens(), dim);
    t.x = x;
    auto a = pass.workspace.temp(x.rows(), hidden);
    affine<S>(pass.executor, t.x, p.gate_proj.weight, p.gate_proj.bias, t.h);
    affine<S>(pass.executor, t.x, p.up_proj.weight, p.up_proj.bias, t.u,
              [&](Index i, Index j, Index rows, Index cols) { gate(pass, t, a, i, j, rows, cols); });
    affine<S>(pass.executor, a, p.down_proj.weight, p.down_proj.bias, y);
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("GatedFeedForward: dy", dy, pass.tokens(), dim);
    expect_shape("GatedFeedForward: dx", dx, pass.tokens(), dim);
    auto a = pass.workspace.temp(dy.rows(), hidden), dh = pass.workspace.temp(dy.rows(), hidden);
    parallel_ranges(pass.executor, dy.rows(), row_grain(hidden),
                    [&](Index begin, Index end) { gate(pass, t, a, begin, 0, end - begin, hidden); });
    product<S>(pass.executor, transposed<S>(a), dy, g.down_proj.weight, Write::add);
    if (bias) add_column_sums<S>(pass.executor, dy, g.down_proj.bias.data());
    auto& du = a;  // phi(h) * u is not needed any more
    product<S>(pass.executor, dy, transposed<S>(p.down_proj.weight), du, Write::overwrite,
               [&](Index i, Index j, Index rows, Index cols) { pull_gate(pass, t, dh, du, i, j, rows, cols); });
    affine_pull<S>(pass.executor, t.x, p.gate_proj.weight, dh, dx, g.gate_proj.weight, g.gate_proj.bias);
    affine_pull<S>(pass.executor, t.x, p.up_proj.weight, du, dx, g.up_proj.weight, g.up_proj.bias);
  }

 private:
  /// a = dropout(phi(h) * u) in a block.
  void gate(const Pass<S>& pass, const Tape& t, Out<S> a, Index i, Index j, Index rows, Index cols) const {
    const Dropout<S> drop(dropout, pass, Purpose::activation);
    with_activation(activation, [&](auto phi) {
      for (Index r = i; r < i + rows; ++r) {
        const S *h = t.h.data() + r * hidden + j, *u = t.u.data() + r * hidden + j;
        S* to = a.row_data(r) + j;
        each_pack<S>(cols, [&](Index c, auto n) {
          (phi.value(Pack<S>::load(h + c, n)) * Pack<S>::load(u + c, n)).store(to + c, n);
        });
        drop(r, j, cols, to);
      }
    });
  }
  /// dh = phi'(h) u da and du = phi(h) da in a block, where du holds dy W_down^T.
  void pull_gate(const Pass<S>& pass, const Tape& t, Out<S> dh, Out<S> du, Index i, Index j, Index rows,
                 Index cols) const {
    const Dropout<S> drop(dropout, pass, Purpose::activation);
    with_activation(activation, [&](auto phi) {
      for (Index r = i; r < i + rows; ++r) {
        const S *h = t.h.data() + r * hidden + j, *u = t.u.data() + r * hidden + j;
        S *dhr = dh.row_data(r) + j, *dur = du.row_data(r) + j;
        drop(r, j, cols, dur);
        each_pack<S>(cols, [&](Index c, auto n) {
          const auto da = Pack<S>::load(dur + c, n), hc = Pack<S>::load(h + c, n);
          (phi.slope(hc) * Pack<S>::load(u + c, n) * da).store(dhr + c, n);
          (phi.value(hc) * da).store(dur + c, n);
        });
      }
    });
  }
};

}  // namespace residual
