#pragma once

#include "residual/kernel/activation.hpp"
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
  static constexpr bool mixes_tokens = false;
  Index dim;                                 ///< features of a token, of x and of y
  Index hidden;                              ///< features inside, of h
  Activation activation = Activation::silu;  ///< phi
  bool bias = true;                          ///< of all three linear maps
  double dropout = 0;                        ///< the share of phi(h) * u that training drops
  bool operator==(const GatedFeedForward&) const = default;
  void check() const {
    expect(dim > 0 && hidden > 0, "GatedFeedForward: dim ", dim, ", hidden ", hidden,
           ", but both must be greater than 0.");
    expect_activation("GatedFeedForward", activation);
    expect_rate("GatedFeedForward: activation_dropout", dropout);
  }

  Linear<S> up_proj() const { return {dim, hidden, bias}; }
  Linear<S> down_proj() const { return {hidden, dim, bias}; }

  struct Params {
    typename Linear<S>::Params gate_proj, up_proj, down_proj;
    void carve(Carver<S>& c, const GatedFeedForward& f) {
      c("gate_proj.", gate_proj, f.up_proj(), Projection::gate);
      c("up_proj.", up_proj, f.up_proj(), Projection::up);
      c("down_proj.", down_proj, f.down_proj(), Projection::down);
    }
  };
  struct Tape {
    TokensView<S> h, u;
    void carve(Carver<S>& c, const GatedFeedForward& f, const Pass<S>& pass) {
      c("h", h, pass.kept_tokens(), f.hidden);
      c("u", u, pass.kept_tokens(), f.hidden);
    }
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("GatedFeedForward: x", x, pass.tokens(), dim);
    expect_shape("GatedFeedForward: y", y, pass.tokens(), dim);
    const Index block = row_block(pass.executor, x.rows(), hidden * Index(sizeof(S)));
    auto a_memory = pass.workspace.temp(block, hidden), h_memory = pass.workspace.temp(pass.keep ? 0 : block, hidden);
    for_row_blocks(x.rows(), block, [&](Index begin, Index rows) {
      const In<S> xb = x.rows_from(begin, rows);
      Out<S> a = Out<S>(a_memory).rows_from(0, rows);
      Out<S> u = pass.keep ? Out<S>(t.u).rows_from(begin, rows) : a;
      Out<S> h = pass.keep ? Out<S>(t.h).rows_from(begin, rows) : Out<S>(h_memory).rows_from(0, rows);
      affine<S>(pass, xb, p.gate_proj.weight, p.gate_proj.bias, h);
      affine<S>(pass, xb, p.up_proj.weight, p.up_proj.bias, u,
                [&](Index i, Index j, Index m, Index n) { gate(pass, begin, h, u, a, i, j, m, n); });
      affine<S>(pass, a, p.down_proj.weight, p.down_proj.bias, y.rows_from(begin, rows));
    });
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("GatedFeedForward: dy", dy, pass.tokens(), dim);
    expect_shape("GatedFeedForward: dx", dx, pass.tokens(), dim);
    const Index block = row_block(pass.executor, dy.rows(), hidden * Index(sizeof(S)));
    auto a_memory = pass.workspace.temp(block, hidden), dh_memory = pass.workspace.temp(block, hidden);
    ColumnSums<S> of_gate(pass.workspace, bias ? hidden : 0, g.gate_proj.bias.data());
    ColumnSums<S> of_up(pass.workspace, bias ? hidden : 0, g.up_proj.bias.data());
    ColumnSums<S> of_down(pass.workspace, bias ? dim : 0, g.down_proj.bias.data());
    for_row_blocks(dy.rows(), block, [&](Index begin, Index rows) {
      const In<S> h = In<S>(t.h).rows_from(begin, rows), u = In<S>(t.u).rows_from(begin, rows),
                  xb = x.rows_from(begin, rows), d = dy.rows_from(begin, rows);
      Out<S> a = Out<S>(a_memory).rows_from(0, rows), dh = Out<S>(dh_memory).rows_from(0, rows),
             dxb = dx.rows_from(begin, rows);
      if (g.down_proj.weight.data() != nullptr) {
        parallel_ranges(pass.executor, rows, row_grain(hidden),
                        [&](Index first, Index end) { gate(pass, begin, h, u, a, first, 0, end - first, hidden); });
        product<S>(pass.executor, transposed<S>(a), d, g.down_proj.weight, Write::add);
      }
      of_down.add(pass.executor, d);
      Out<S> du = a;  // phi(h) * u is not needed any more
      product<S>(pass.executor, d, transposed<S>(p.down_proj.weight), du, Write::overwrite,
                 [&](Index i, Index j, Index m, Index n) { pull_gate(pass, begin, h, u, dh, du, i, j, m, n); });
      of_gate.add(pass.executor, dh);
      affine_pull<S>(pass.executor, xb, p.gate_proj.weight, dh, dxb, g.gate_proj.weight, Out<S>());
      of_up.add(pass.executor, du);
      affine_pull<S>(pass.executor, xb, p.up_proj.weight, du, dxb, g.up_proj.weight, Out<S>());
    });
    for (auto* sums : {&of_gate, &of_up, &of_down}) sums->finish();
  }

 private:
  /// a = dropout(phi(h) * u) in rows i .. and columns j .. of the block that starts at row `begin`.
  void gate(const Pass<S>& pass, Index begin, In<S> h, In<S> u, Out<S> a, Index i, Index j, Index rows,
            Index cols) const {
    const Dropout<S> drop(dropout, pass, Purpose::activation);
    with_activation(activation, [&](auto phi) {
      for (Index r = i; r < i + rows; ++r) {
        const S *hr = h.row_data(r) + j, *ur = u.row_data(r) + j;
        S* to = a.row_data(r) + j;
        each_pack<S>(cols, [&](Index c, auto n) {
          (phi.value(Pack<S>::load(hr + c, n)) * Pack<S>::load(ur + c, n)).store(to + c, n);
        });
        drop(begin + r, j, cols, to);
      }
    });
  }
  /// dh = phi'(h) u da and du = phi(h) da there, where du holds dy W_down^T.
  void pull_gate(const Pass<S>& pass, Index begin, In<S> h, In<S> u, Out<S> dh, Out<S> du, Index i, Index j, Index rows,
                 Index cols) const {
    const Dropout<S> drop(dropout, pass, Purpose::activation);
    with_activation(activation, [&](auto phi) {
      for (Index r = i; r < i + rows; ++r) {
        const S *hr = h.row_data(r) + j, *ur = u.row_data(r) + j;
        S *dhr = dh.row_data(r) + j, *dur = du.row_data(r) + j;
        drop(begin + r, j, cols, dur);
        each_pack<S>(cols, [&](Index c, auto n) {
          const auto da = Pack<S>::load(dur + c, n), hc = Pack<S>::load(hr + c, n);
          (phi.slope(hc) * Pack<S>::load(ur + c, n) * da).store(dhr + c, n);
          (phi.value(hc) * da).store(dur + c, n);
        });
      }
    });
  }
};

}  // namespace residual
