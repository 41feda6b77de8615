#pragma once

#include "residual/layers/linear.hpp"

namespace residual {

/// BERT's pooler, Devlin et al. 2018 (arXiv:1810.04805), of the first row of each sequence:
///
///     y_s = tanh(x_first(s) W + b)
///
/// backward:  du = (1 - y^2) dy,  dx_first(s) += du W^T,  dW += x_first^T du,  db += sum of du's rows
template <class S>
struct Pooler {
  using Scalar = S;
  Index dim;
  bool operator==(const Pooler&) const = default;
  void check() const { linear().check(); }

  struct Params : Linear<S>::Params {
    void carve(Carver<S>& c, const Pooler& pooler) { Linear<S>::Params::carve(c, pooler.linear()); }
  };
  struct Tape {
    TokensView<S> first, y;  ///< [sequences x dim]
    void carve(Carver<S>& c, const Pooler& pooler, const Pass<S>& pass) {
      c("first", first, pass.batch.sequences(), pooler.dim);
      c("y", y, pass.batch.sequences(), pooler.dim);
    }
  };

  /// Throws unless each sequence has a first row.
  void check(const Batch& batch) const {
    for (Index s = 0; s < batch.sequences(); ++s) {
      expect(batch.length(s) > 0, "Pooler: sequence ", s,
             " has no token, but the pooler reads its first; leave it out.");
    }
  }

  /// y [sequences x dim] of x [tokens x dim].
  void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x, Out<S> y) const {
    for (Index s = 0; s < t.first.rows(); ++s) t.first.row(s) = x.row(pass.batch.begin(s));
    affine<S>(pass, t.first, p.weight, p.bias, t.y);
    each_pack_of_rows<S>(pass.executor, y.rows(), dim, [&](Index i, Index j, auto n) {
      const auto v = tanh(Pack<S>::load(t.y.data() + i * dim + j, n));
      v.store(t.y.data() + i * dim + j, n);
      v.store(y.row_data(i) + j, n);
    });
  }
  /// Adds the gradient of <y, dy> to dx [tokens x dim] and g.
  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> dy, Out<S> dx, Params& g) const {
    auto du = pass.workspace.temp(dy.rows(), dim), dfirst = pass.workspace.temp(dy.rows(), dim);
    du.array() = dy.array() * (1 - t.y.array().square());
    affine_pull<S>(pass.executor, t.first, p.weight, du, dfirst, g.weight, g.bias, Write::overwrite);
    for (Index s = 0; s < dfirst.rows(); ++s) dx.row(pass.batch.begin(s)) += dfirst.row(s);
  }

 private:
  Linear<S> linear() const { return {dim, dim, true}; }
};

}  // namespace residual
