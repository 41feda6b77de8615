#pragma once

#include "residual/kernel/gemm.hpp"
#include "residual/kernel/rows.hpp"
#include "residual/kernel/weight.hpp"
#include "residual/layers/layer.hpp"

namespace residual {

/// y = x W + b, where b may be empty; `epilogue` sees each block of y that is complete.
template <class S>
void affine(const Executor& executor, In<S> x, const Weight<S>& W, In<S> b, Out<S> y, const Epilogue& epilogue = {}) {
  product<S>(executor, x, W, y, Write::overwrite, epilogue, b.cols() > 0 ? b.data() : nullptr);
}

/// y = x W + b in a pass, whose observer sees x.
template <class S>
void affine(const Pass<S>& pass, In<S> x, const Weight<S>& W, In<S> b, Out<S> y, const Epilogue& epilogue = {}) {
  if (pass.linear_inputs != nullptr) pass.linear_inputs->linear_input(W.matrix(), x);
  affine<S>(pass.executor, x, W, b, y, epilogue);
}

/// The pull-back of `affine`: dx = or += dy W^T, dW += x^T dy, db += the sum of dy's rows.
template <class S>
void affine_pull(const Executor& executor, In<S> x, In<S> W, In<S> dy, Out<S> dx, Out<S> dW, Out<S> db,
                 Write write_dx = Write::add) {
  product<S>(executor, transposed(x), dy, dW, Write::add);
  if (db.cols() > 0) add_column_sums<S>(executor, dy, db.data());
  product<S>(executor, dy, transposed(W), dx, write_dx);
}

/// A linear map of each row:
///
///     y = x W + b,      W [in x out], the transpose of PyTorch's weight
///
/// backward:  dx += dy W^T,  dW += x^T dy,  db += sum of dy's rows
template <class S>
struct Linear {
  using Scalar = S;
  static constexpr const char* name = "linear.";
  static constexpr bool mixes_tokens = false;
  Index in;          ///< features of x
  Index out;         ///< features of y
  bool bias = true;  ///< whether there is a b
  bool operator==(const Linear&) const = default;
  void check() const {
    expect(in > 0 && out > 0, "Linear: it maps ", in, " to ", out, " features, but both must be greater than 0.");
  }

  struct Params {
    WeightView<S> weight;
    RowView<S> bias;
    void carve(Carver<S>& c, const Linear& linear, Projection projection = Projection::general) {
      carve(c, linear, {{"", linear.out, projection}});
    }
    /// For a map whose outputs have these parts, side by side.
    void carve(Carver<S>& c, const Linear& linear, std::initializer_list<TensorPart> parts) {
      c.weight("weight", weight, linear.in, parts);
      expect(weight.cols() == linear.out, "Linear: its parts have ", counted(weight.cols(), "output"), ", but it has ",
             linear.out, "; give each output to one part.");
      c.bias("bias", bias, linear.bias ? parts : std::initializer_list<TensorPart>(), linear.in);
    }
  };
  struct Tape {
    void carve(Carver<S>&, const Linear&, const Pass<S>&) {}
  };

  void forward(const Params& p, Tape&, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("Linear: x", x, pass.tokens(), in);
    expect_shape("Linear: y", y, pass.tokens(), out);
    affine<S>(pass, x, p.weight, p.bias, y);
  }
  void backward(const Params& p, const Tape&, const Pass<S>& pass, In<S> x, In<S> dy, Out<S> dx, Params& g) const {
    expect_shape("Linear: dy", dy, pass.tokens(), out);
    expect_shape("Linear: dx", dx, pass.tokens(), in);
    affine_pull<S>(pass.executor, x, p.weight, dy, dx, g.weight, g.bias);
  }
};

}  // namespace residual
