#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

#include "residual/core/batch.hpp"
#include "residual/core/carver.hpp"
#include "residual/core/check.hpp"
#include "residual/core/parallel.hpp"
#include "residual/core/workspace.hpp"

namespace residual {

/// What surrounds one call of a layer: the batch whose tokens enter, one a row, and what some layers need beside it.
template <class S>
struct Pass {
  const Batch& batch;
  Workspace<S>& workspace;
  const Executor& executor = Serial::instance();
  In<S> attn_mask = {};     ///< added to the logits of self-attention, [n x n]; empty = none
  Batch memory_batch = {};  ///< the encoder's output, which cross-attention reads, and its gradient
  In<S> memory = {};
  Out<S> dmemory = {};
  In<S> memory_mask = {};                  ///< added to the logits of cross-attention, [n x m]; empty = none
  std::optional<std::uint64_t> seed = {};  ///< of dropout; without one nothing is dropped
  std::uint64_t site = 0;                  ///< tells sub-layers apart, so that each draws its own dropout
  bool keep = true;  ///< whether backward follows, or every block may overwrite the last one's tape

  Index tokens() const { return batch.tokens(); }
  /// Rows of what only backward reads.
  Index kept_tokens() const { return keep ? tokens() : 0; }
  /// x, from its copy on the tape if backward will read it.
  In<S> kept(TokensView<S>& slot, In<S> x) const {
    if (!keep) return x;
    slot = x;
    return slot;
  }
};

/// Something with parameters: they are listed once, in Params::carve.
template <class C>
concept Component = std::equality_comparable<C> &&
    requires(const C& c, typename C::Params& p, Carver<typename C::Scalar>& carver) {
  p.carve(carver, c);
};

/// A function with an analytic gradient. `forward` overwrites y and keeps in the tape what `backward` needs; `backward`
/// adds to dx and g the gradient of <y, dy>: dx += (df/dx)^T dy, g += (df/dp)^T dy. dx may be dy's memory nowhere.
template <class L>
concept Layer = Component<L> &&
    requires(const L& layer, const typename L::Params& p, typename L::Params& g, typename L::Tape& t,
             const typename L::Tape& kept, const Pass<typename L::Scalar>& pass, Carver<typename L::Scalar>& carver,
             In<typename L::Scalar> in, Out<typename L::Scalar> out) {
  t.carve(carver, layer, pass);
  layer.forward(p, t, pass, in, out);
  layer.backward(p, kept, pass, in, out, g);
};

/// A layer with all that one call of it needs: `f(x, y)` and `f.pull(dy, dx)`.
template <Layer L>
struct Bound {
  using Scalar = typename L::Scalar;
  const L& layer;
  const typename L::Params& p;
  typename L::Tape& tape;
  const Pass<Scalar>& pass;
  typename L::Params* g = nullptr;

  /// y = f(x). x may be an expression, as in LN(x + a, y), where the layer takes one.
  template <class X>
  void operator()(const X& x, Out<Scalar> y) const {
    layer.forward(p, tape, pass, x, y);
  }
  /// dx += f^T dy, and the parameters' gradient is added too.
  void pull(In<Scalar> dy, Out<Scalar> dx) const { layer.backward(p, tape, pass, dy, dx, *g); }
};

/// A sub-layer as a residual scheme sees it: one virtual call each way, so that a scheme compiles once.
template <class S>
class Branch {
 public:
  virtual ~Branch() = default;
  virtual void operator()(In<S> x, Out<S> y) const = 0;  ///< y = f(x)
  virtual void pull(In<S> dy, Out<S> dx) const = 0;      ///< dx += f^T dy
};

/// The identity, without parameters: for schemes that need no norm somewhere.
template <class S>
struct None {
  using Scalar = S;
  static constexpr const char* name = "";
  struct Params {
    void carve(Carver<S>&, const None&) {}
  };
  struct Tape {
    void carve(Carver<S>&, const None&, const Pass<S>&) {}
  };
  explicit None(Index = 0) {}
  bool operator==(const None&) const = default;

  template <class X>
  void forward(const Params&, Tape&, const Pass<S>&, const X& x, Out<S> y) const {
    y = x;
  }
  void backward(const Params&, const Tape&, const Pass<S>&, In<S> dy, Out<S> dx, Params&) const { dx += dy; }
};

}  // namespace residual
