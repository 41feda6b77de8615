#pragma once

#include "residual/model/tape.hpp"

namespace test_support {

using residual::Call;
using residual::Carver;
using residual::In;
using residual::Index;
using residual::Out;

/// One layer or norm as a model, so that whatever works with models works with a layer alone.
template <class L>
  requires(residual::Layer<L> || residual::Norm<L>)
struct SingleLayer : L {
  using S = typename L::Scalar;
  using Input = residual::Input<S>;
  using Gradient = residual::InputGradient<S>;
  using Params = typename L::Params;
  bool operator==(const SingleLayer&) const = default;
  using L::check;

  Index output_rows(const Input& input) const { return input.batch.tokens(); }
  Index output_cols() const {
    if constexpr (requires { this->out; })
      return this->out;
    else
      return this->dim;
  }
  void check(const Input&) const {}
  void check(const Input&, const Gradient&) const {}

  struct Tape : L::Tape {
    void carve(Carver<S>& c, const SingleLayer& layer, const Input& input, const Call<S>& call) {
      L::Tape::carve(c, layer, make_pass(input, call));
    }
  };
  void forward(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> y) const {
    L::forward(p, t, make_pass(input, call), input.x, y);
  }
  void backward(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dy, const Gradient& dinput,
                Params& g) const {
    auto pass = make_pass(input, call);
    pass.dmemory.show(dinput.memory);
    if constexpr (residual::Norm<L>) {
      L::backward(p, t, pass, dy, dinput.x, g);
    } else {
      L::backward(p, t, pass, input.x, dy, dinput.x, g);
    }
  }
};

}  // namespace test_support
