#pragma once

#include "residual/layers/layer.hpp"
#include "residual/wiring/site.hpp"

namespace residual {

template <class S>
class Sublayers;

/// The residual streams of a stack, [tokens x dim] each, or in the backward pass their gradients, in the order in which the
/// scheme took them from its sub-layers.
template <class S>
class Streams {
 public:
  /// Some of them, which lie one below the other, and those that were taken before.
  struct Link {
    const Link* before;
    Out<S> all;  ///< [count tokens x dim]
    Index count;
  };
  /// Those of the chain that ends here.
  explicit Streams(const Link* last) : last_(last) {}

  Index count() const {
    Index n = 0;
    for (const Link* link = last_; link != nullptr; link = link->before) n += link->count;
    return n;
  }
  /// Stream i, from 0.
  In<S> operator[](Index i) const { return writable(i); }

 private:
  friend class Sublayers<S>;
  Out<S> writable(Index i) const {
    const Link* link = last_;
    Index begin = count() - link->count;
    while (i < begin) {
      link = link->before;
      begin -= link->count;
    }
    const Index tokens = link->all.rows() / link->count;
    return Out<S>(link->all).rows_from((i - begin) * tokens, tokens);
  }
  const Link* last_;
};

/// Sees what a stack computes, forward and backward, and by linear_input what each linear map of the model reads. Override
/// what you want to look at.
template <class S>
class Observer : public LinearInputs<S> {
 public:
  /// What enters the first block, where the model embeds tokens.
  virtual void embedding(In<S> /*x*/) {}
  /// The sub-layer has been computed: fx = f(x), after dropout.
  virtual void branch(Site, In<S> /*x*/, In<S> /*fx*/) {}
  /// The streams behind the sub-layer.
  virtual void streams(Site, const Streams<S>& /*x*/) {}
  /// The gradient of fx.
  virtual void branch_gradient(Site, In<S> /*dfx*/) {}
  /// The gradients of the streams in front of the sub-layer.
  virtual void stream_gradients(Site, const Streams<S>& /*dx*/) {}
  /// The gradient of the block's own parameters, "layers.<block>.*", is complete. What the stack has a single time is not,
  /// before backward returns. In a model of encoder and decoder both stacks tell, first the decoder all of its blocks.
  virtual void block_gradient(Index /*block*/) {}
};

}  // namespace residual
