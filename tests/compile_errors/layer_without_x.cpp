// expected: A layer must have a gradient: add `void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> x
#include "residual/residual.hpp"

using residual::In, residual::Out;
struct Layer : residual::FeedForward<float> {
  bool operator==(const Layer&) const = default;
  void backward(const Params&, const Tape&, const residual::Pass<float>&, In<float>, Out<float>, Params&) const {}
};
residual::Stack<residual::PreLN<float>, Layer> stack{residual::PreLN<float>(8), {{8, 16}}, 1};
