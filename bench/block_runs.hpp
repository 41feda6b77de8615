#pragma once

#include "measure.hpp"
#include "residual/core/parameter_groups.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/tape.hpp"

namespace bench {

/// An encoder of the scheme W with random input and dy, on its tape.
template <class W>
class BlockRuns {
 public:
  using S = typename W::Scalar;
  using Model = residual::Encoder<W>;

  BlockRuns(const Shape& s, Index depth, residual::Recompute recompute = residual::Recompute::nothing)
      : model_(residual::encoder(
            W(s.dim),
            {.dim = s.dim, .heads = s.heads(), .hidden = s.hidden(), .depth = depth, .recompute = recompute})),
        batch_(s.batch()),
        x_(Tokens<S>::Random(s.tokens(), s.dim)),
        dy_(Tokens<S>::Random(s.tokens(), s.dim)),
        dx_(x_),
        theta_(model_),
        gradient_(model_),
        tape_(model_, s.backward ? residual::Keep::for_backward : residual::Keep::nothing) {
    theta_.flat() = S(0.1) * residual::Column<S>::Random(theta_.size());
  }

  void forward() { residual::forward(model_, theta_, tape_, batch_, x_); }
  void backward() { residual::backward(model_, theta_, tape_, dy_, gradient_, {.x = dx_}); }
  /// From now on the gradient is that of what is chosen.
  void train_only(const residual::Selection& where) {
    gradient_ =
        residual::Parameters(model_, residual::ParameterGroups(theta_).freeze(residual::parts::all).rate(where, 1));
  }
  /// Of the tape.
  double mebibytes() const { return double(tape_.bytes()) / (1 << 20); }

 private:
  Model model_;
  Batch batch_;
  Tokens<S> x_, dy_, dx_;
  residual::Parameters<Model> theta_, gradient_;
  residual::Tape<Model> tape_;
};

}  // namespace bench
