#pragma once

#include "residual/kernel/activate.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/layers/linear.hpp"

namespace residual {

/// The feed-forward layer with a norm inside, Sub-LN, Wang et al. 2022 (arXiv:2210.06423):
///
///     h = x W1 + b1,   u = N(phi(h)),   y = u W2 + b2
///
/// backward:  du = dy W2^T,  da = N^T du,  dh = phi'(h) da,  dx += dh W1^T.
template <class S, Norm N = LayerNorm<S>>
struct SubLNFeedForward {
  using Scalar = S;
  static constexpr const char* name = "";
  static constexpr bool mixes_tokens = false;
  Index dim;                                     ///< features of a token, of x and of y
  Index hidden;                                  ///< features inside, of h
  N norm;                                        ///< `hidden` wide
  Activation activation = Activation::gelu_erf;  ///< phi
  bool bias = true;                              ///< of both linear maps
  bool operator==(const SubLNFeedForward&) const = default;
  void check() const {
    expect(dim > 0 && hidden > 0, "SubLNFeedForward: dim ", dim, ", hidden ", hidden,
           ", but both must be greater than 0.");
    expect_activation("SubLNFeedForward", activation);
    norm.check();
    if constexpr (requires { norm.dim; }) {
      expect(norm.dim == hidden, "SubLNFeedForward: its norm is ", norm.dim, " wide, but hidden is ", hidden,
             "; make it as wide.");
    }
  }

  Linear<S> linear1() const { return {dim, hidden, bias}; }
  Linear<S> linear2() const { return {hidden, dim, bias}; }

  struct Params {
    typename Linear<S>::Params linear1, linear2;
    typename N::Params norm;
    void carve(Carver<S>& c, const SubLNFeedForward& f) {
      c("linear1.", linear1, f.linear1(), Projection::up);
      c("linear2.", linear2, f.linear2(), Projection::down);
      c("ffn_layernorm.", norm, f.norm);
    }
  };
  struct Tape {
    TokensView<S> h;
    typename N::Tape norm;
    void carve(Carver<S>& c, const SubLNFeedForward& f, const Pass<S>& pass) {
      c("h", h, pass.kept_tokens(), f.hidden);
      c("", norm, f.norm, pass);
    }
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("SubLNFeedForward: x", x, pass.tokens(), dim);
    expect_shape("SubLNFeedForward: y", y, pass.tokens(), dim);
    auto a = pass.workspace.temp(x.rows(), hidden);
    Out<S> h = pass.keep ? Out<S>(t.h) : Out<S>(a);
    affine<S>(pass, x, p.linear1.weight, p.linear1.bias, h);
    parallel_ranges(pass.executor, h.rows(), row_grain(hidden), [&](Index begin, Index end) {
      activate<S>(activation, h.rows_from(begin, end - begin), Out<S>(a).rows_from(begin, end - begin));
    });
    norm.forward(p.norm, t.norm, pass, a, a);
    affine<S>(pass, a, p.linear2.weight, p.linear2.bias, y);
  }

  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("SubLNFeedForward: dy", dy, pass.tokens(), dim);
    expect_shape("SubLNFeedForward: dx", dx, pass.tokens(), dim);
    auto u = pass.workspace.temp(dy.rows(), hidden), du = pass.workspace.temp(dy.rows(), hidden);
    auto da = pass.workspace.zeros(dy.rows(), hidden);
    affine_pull<S>(pass.executor, norm.output(p.norm, t.norm, pass, u), p.linear2.weight, dy, du, g.linear2.weight,
                   g.linear2.bias, Write::overwrite);
    norm.backward(p.norm, t.norm, pass, du, da, g.norm);
    parallel_ranges(pass.executor, da.rows(), row_grain(hidden), [&](Index begin, Index end) {
      const Index rows = end - begin;
      pull_activation<S>(activation, In<S>(t.h).rows_from(begin, rows), Out<S>(da).rows_from(begin, rows));
    });
    affine_pull<S>(pass.executor, x, p.linear1.weight, da, dx, g.linear1.weight, g.linear1.bias);
  }
};

}  // namespace residual
