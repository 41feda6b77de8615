#pragma once

#include "residual/kernel/activate.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/layers/linear.hpp"

namespace residual {

/// What BERT does in front of its output projection, Devlin et al. 2018 (arXiv:1810.04805):
///
///     h = x W + b,   y = LN(phi(h))
///
/// backward, with da = LN^T dy:  dh = phi'(h) da,  dx += dh W^T
template <class S>
struct WordHead {
  using Scalar = S;
  static constexpr const char* name = "transform.";
  static constexpr bool mixes_tokens = false;
  Index dim;
  Activation activation = Activation::gelu_erf;
  S epsilon = S(1e-12);  ///< of the norm
  bool operator==(const WordHead&) const = default;
  void check() const {
    linear().check();
    expect_activation("WordHead", activation);
    norm().check();
  }

  struct Params {
    typename Linear<S>::Params linear;
    typename LayerNorm<S>::Params norm;
    void carve(Carver<S>& c, const WordHead& head) {
      c("dense.", linear, head.linear());
      c("norm.", norm, head.norm());
    }
  };
  struct Tape {
    TokensView<S> h;
    typename LayerNorm<S>::Tape norm;
    void carve(Carver<S>& c, const WordHead& head, const Pass<S>& pass) {
      c("h", h, pass.tokens(), head.dim);
      c("", norm, head.norm(), pass);
    }
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    affine<S>(pass, x, p.linear.weight, p.linear.bias, t.h);
    parallel_ranges(pass.executor, y.rows(), row_grain(dim), [&](Index begin, Index end) {
      activate<S>(activation, In<S>(t.h).rows_from(begin, end - begin), y.rows_from(begin, end - begin));
    });
    norm().forward(p.norm, t.norm, pass, y, y);
  }
  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x, In<S> dy, Out<S> dx, Params& g) const {
    auto dh_memory = pass.workspace.zeros(dy.rows(), dim);
    Out<S> dh = dh_memory;
    norm().backward(p.norm, t.norm, pass, dy, dh, g.norm);
    parallel_ranges(pass.executor, dh.rows(), row_grain(dim), [&](Index begin, Index end) {
      pull_activation<S>(activation, In<S>(t.h).rows_from(begin, end - begin), dh.rows_from(begin, end - begin));
    });
    affine_pull<S>(pass.executor, x, p.linear.weight, dh, dx, g.linear.weight, g.linear.bias);
  }

 private:
  Linear<S> linear() const { return {dim, dim, true}; }
  LayerNorm<S> norm() const { return LayerNorm<S>(dim, epsilon); }
};

}  // namespace residual
