#pragma once

#include "residual/layers/linear.hpp"

namespace study {

/// A sub-layer that does not read the stream, as the paper's theory assumes of all of them: f(x) = M W with the memory M
/// [tokens x dim], so that x has no gradient from it.
template <class S>
struct FixedBranch {
  using Scalar = S;
  static constexpr const char* name = "fixed.";
  static constexpr bool mixes_tokens = true;
  static constexpr bool reads_memory = true;
  residual::Index dim;
  bool operator==(const FixedBranch&) const = default;
  void check() const { linear().check(); }

  struct Params : residual::Linear<S>::Params {
    void carve(residual::Carver<S>& c, const FixedBranch& f) {
      residual::Linear<S>::Params::carve(c, f.linear(), residual::Projection::output);
    }
  };
  struct Tape {
    void carve(residual::Carver<S>&, const FixedBranch&, const residual::Pass<S>&) {}
  };

  void forward(const Params& p, Tape&, const residual::Pass<S>& pass, residual::In<S>, residual::Out<S> y) const {
    residual::affine<S>(pass.executor, pass.memory, p.weight, p.bias, y);
  }
  void backward(const Params& p, const Tape&, const residual::Pass<S>& pass, residual::In<S>, residual::In<S> dy,
                residual::Out<S>, Params& g) const {
    residual::affine_pull<S>(pass.executor, pass.memory, p.weight, dy, pass.dmemory, g.weight, g.bias);
  }

 private:
  residual::Linear<S> linear() const { return {dim, dim, false}; }
};

}  // namespace study
