// expected: A norm must have a gradient, of what its tape holds: add `void backward(
#include "residual/residual.hpp"

using namespace residual;
struct Halving {
  using Scalar = float;
  Index dim;
  bool operator==(const Halving&) const = default;
  void check() const {}
  struct Params {
    void carve(Carver<float>&, const Halving&) {}
  };
  struct Tape {
    void carve(Carver<float>&, const Halving&, const Pass<float>&) {}
  };
  void forward(const Params&, Tape&, const Pass<float>& pass, const RowSource<float>& x, Out<float> y) const {
    assign_rows(pass.executor, x, y);
    y *= 0.5f;
  }
};
auto model() { return encoder(PreLN<float, Halving>(8), {.dim = 8, .heads = 2, .hidden = 32, .depth = 1}); }
