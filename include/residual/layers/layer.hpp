#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

#include "residual/core/batch.hpp"
#include "residual/core/carver.hpp"
#include "residual/core/check.hpp"
#include "residual/core/past.hpp"
#include "residual/core/rows.hpp"
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
  bool keep = true;                        ///< whether backward follows; if not, a layer's tape lasts for one call
  const Past* past = nullptr;              ///< what the batch continues, in a step of decoding

  Index tokens() const { return batch.tokens(); }
  /// Tokens of a sequence that came before those of the batch.
  Index earlier(Index sequence) const {
    return past == nullptr ? 0 : past->tokens.length(sequence) - batch.length(sequence);
  }
  /// Rows of what only backward reads.
  Index kept_tokens() const { return keep ? tokens() : 0; }
  /// x, from its copy on the tape if backward will read it.
  In<S> kept(TokensView<S>& slot, In<S> x) const { return keep ? copied(x, slot) : x; }
  /// x, from its copy in `to`.
  In<S> copied(In<S> x, Out<S> to) const {
    parallel_ranges(executor, x.rows(), row_grain(x.cols()), [&](Index begin, Index end) {
      to.middleRows(begin, end - begin) = x.middleRows(begin, end - begin);
    });
    return to;
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

/// A layer that mixes tokens and can decode step by step: `step` is `forward` for tokens that continue the pass's past, of
/// which the cache holds what it needs; `copy(from, to, count)` copies rows of the past's tokens. A layer without a cache
/// is taken to work on each token alone.
template <class L>
concept CachingLayer = Layer<L> &&
    requires(const L& layer, const typename L::Params& p, typename L::Tape& t, typename L::Cache& cache,
             const Pass<typename L::Scalar>& pass, Carver<typename L::Scalar>& carver, const Room& room,
             In<typename L::Scalar> in, Out<typename L::Scalar> out) {
  cache.carve(carver, layer, room);
  cache.copy(Index(), Index(), Index());
  layer.step(p, t, cache, pass, in, out);
};

/// Of layers that need none.
struct NoCache {
  template <class S, class L>
  void carve(Carver<S>&, const L&, const Room&) {}
  void copy(Index, Index, Index) {}
};
/// The cache of a layer, or nothing to cache.
template <class L>
struct CacheOfLayer {
  /// What it keeps.
  using Type = NoCache;
};
/// The same for a layer that caches.
template <CachingLayer L>
struct CacheOfLayer<L> {
  /// What it keeps.
  using Type = typename L::Cache;
};
/// What the layer L keeps of the tokens so far.
template <class L>
using CacheOf = typename CacheOfLayer<L>::Type;

/// Calls use() when the tape has memory: that of a pass which keeps it, else the workspace's until use() returns.
template <Layer L, class Use>
void with_tape(const L& layer, typename L::Tape& tape, const Pass<typename L::Scalar>& pass, const Use& use) {
  using S = typename L::Scalar;
  const auto carve = [&](S* memory) {
    Carver<S> c(memory, cache_line<S>);
    if (!pass.keep) tape.carve(c, layer, pass);
    return c.size();
  };
  auto memory = pass.workspace.temp(1, carve(nullptr));
  carve(memory.data());
  use();
}

/// A layer with all that one call of it needs: `f(x, y)` and `f.pull(dy, dx)`.
template <Layer L>
struct Bound {
  using Scalar = typename L::Scalar;
  const L& layer;
  const typename L::Params& p;
  typename L::Tape& tape;
  const Pass<Scalar>& pass;
  typename L::Params* g = nullptr;
  CacheOf<L>* cache = nullptr;

  /// y = f(x), a step where there is a cache. x may be an expression, as in LN(x + a, y), where the layer takes one.
  template <class X>
  void operator()(const X& x, Out<Scalar> y) const {
    with_tape(layer, tape, pass, [&] {
      if constexpr (CachingLayer<L>) {
        if (cache != nullptr) return layer.step(p, tape, *cache, pass, x, y);
      }
      layer.forward(p, tape, pass, x, y);
    });
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
  /// Any width.
  explicit None(Index = 0) {}
  bool operator==(const None&) const = default;

  template <class X>
  void forward(const Params&, Tape&, const Pass<S>&, const X& x, Out<S> y) const {
    y = x;
  }
  void backward(const Params&, const Tape&, const Pass<S>&, In<S> dy, Out<S> dx, Params&) const { dx += dy; }
};

}  // namespace residual
