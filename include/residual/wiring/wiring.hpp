#pragma once

#include <array>

#include "residual/layers/layer.hpp"
#include "residual/wiring/spread.hpp"

namespace residual {

/// Where in a stack a sub-layer stands: sub-layer `slot` of `slots` in block `block` of `blocks`, all from 0.
struct Site {
  Index block, slot, blocks, slots;
  Index number() const { return block * slots + slot; }  ///< of the sub-layers before it
  Index count() const { return blocks * slots; }         ///< of sub-layers in the stack
};

/// The residual streams of a scheme, [tokens x dim] each, or on the way back their gradients; and temporaries of that
/// shape.
template <class S>
class Streams {
 public:
  /// A temporary matrix.
  using Temp = typename Workspace<S>::Temp;

  /// `count` streams for the tokens of the pass; their entries start undefined.
  Streams(const Pass<S>& pass, Index count, Index dim)
      : workspace_(pass.workspace),
        executor_(pass.executor),
        memory_(pass.workspace, count * pass.tokens(), dim),
        count_(count),
        tokens_(pass.tokens()),
        dim_(dim) {}

  /// One stream.
  Spread<Out<S>> operator[](Index stream) { return Spread<Out<S>>(executor_, data(stream), tokens_, dim_, dim_); }
  /// One stream, to read.
  In<S> operator[](Index stream) const { return {data(stream), tokens_, dim_, dim_}; }
  Index count() const { return count_; }

  /// A matrix that lives until the end of its scope; its entries start undefined.
  Spread<Temp> temp() { return Spread<Temp>(executor_, workspace_, tokens_, dim_); }
  /// The same, filled with 0.
  Spread<Temp> zeros() { return Spread<Temp>(executor_, workspace_, tokens_, dim_, S(0)); }

 private:
  S* data(Index stream) { return offset(memory_.data(), stream * tokens_ * dim_); }
  const S* data(Index stream) const { return offset(memory_.data(), stream * tokens_ * dim_); }

  Workspace<S>& workspace_;
  const Executor& executor_;
  Temp memory_;
  Index count_, tokens_, dim_;
};

/// A residual scheme. It sees sub-layers only as functions f with pull-backs, and owns a `Step` at every sub-layer and a
/// `Last` at the end of the stack (layers such as LayerNorm or None). To write one, write its formula in
///
///     dim()  streams()                                                  the width, and how many streams there are
///     enter(x0, x)              enter_pull(dx, dx0)                     streams from the stack's input
///     forward(x, f, step, site) backward(dx, f, step, site)             one sub-layer, in place
///     exit(x, last, y)          exit_pull(dy, last, dx)                 the stack's output from the streams
///
/// where the *_pull and backward turn the gradient of what came out into that of what went in: `backward` in place,
/// enter_pull adds to dx0, exit_pull adds to dx, which starts at zero. Check it with gradient_check.
template <class W, class S>
concept Wiring = Layer<typename W::Step> && Layer<typename W::Last> && std::equality_comparable<W> &&
    requires(const W& w, Streams<S>& x, const Branch<S>& f, const Bound<typename W::Step>& step,
             const Bound<typename W::Last>& last, Site site, In<S> in, Out<S> out) {
  { w.dim() } -> std::convertible_to<Index>;
  { w.streams() } -> std::convertible_to<Index>;
  { w.step } -> std::convertible_to<typename W::Step>;
  { w.last } -> std::convertible_to<typename W::Last>;
  w.enter(in, x);
  w.enter_pull(x, out);
  w.forward(x, f, step, site);
  w.backward(x, f, step, site);
  w.exit(x, last, out);
  w.exit_pull(in, last, x);
};

/// For schemes whose every stream starts as the stack's input.
template <class S>
struct CopyEntry {
  bool operator==(const CopyEntry&) const = default;
  void enter(In<S> x0, Streams<S>& x) const {
    for (Index k = 0; k < x.count(); ++k) x[k] = x0;
  }
  void enter_pull(Streams<S>& dx, Out<S> dx0) const {
    for (Index k = 0; k < dx.count(); ++k) dx0 += dx[k];
  }
};

}  // namespace residual
