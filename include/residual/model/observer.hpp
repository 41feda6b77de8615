#pragma once

#include "residual/wiring/wiring.hpp"

namespace residual {

/// Sees what a stack computes at every sub-layer, on the way there and back. Override what you want to look at.
template <class S>
class Observer {
 public:
  virtual ~Observer() = default;
  /// The sub-layer has been computed: fx = f(x), after dropout.
  virtual void branch(Site, In<S> /*x*/, In<S> /*fx*/) {}
  /// The streams behind the sub-layer.
  virtual void streams(Site, const Streams<S>& /*x*/) {}
  /// The gradient of fx.
  virtual void branch_gradient(Site, In<S> /*dfx*/) {}
  /// The gradients of the streams in front of the sub-layer.
  virtual void stream_gradients(Site, const Streams<S>& /*dx*/) {}
};

}  // namespace residual
