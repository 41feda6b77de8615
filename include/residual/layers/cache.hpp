#pragma once

#include "residual/layers/layer.hpp"

namespace residual {

/// A layer that mixes tokens and can decode step by step: `step` is `forward` for tokens that continue the pass's context, of
/// which the cache holds what it needs; `copy(from, to, count)` copies rows of the context's tokens. To decode for ever it needs
/// `look_back(block)`, the most tokens in front of a step's that the step reads, and throws there where it has no limit.
template <class L>
concept CachingLayer = Layer<L> &&
    requires(const L& layer, const typename L::Params& p, typename L::Tape& t, typename L::Cache& cache,
             const Pass<typename L::Scalar>& pass, Carver<typename L::Scalar>& carver, const CacheRows& rows,
             In<typename L::Scalar> in, Out<typename L::Scalar> out) {
  cache.carve(carver, layer, rows);
  cache.copy(Index(), Index(), Index());
  layer.step(p, t, cache, pass, in, out);
};

/// The cache of layers that need none.
struct NoCache {
  template <class S, class L>
  void carve(Carver<S>&, const L&, const CacheRows&) {}
  void copy(Index, Index, Index) {}
};
/// The cache of a layer, or nothing to cache.
template <class L>
struct CacheOfLayer {
  /// Of a layer without one.
  using Type = NoCache;
};
/// What a layer with a cache keeps.
template <CachingLayer L>
struct CacheOfLayer<L> {
  /// Its own.
  using Type = typename L::Cache;
};
/// What the layer L keeps of the tokens so far.
template <class L>
using CacheOf = typename CacheOfLayer<L>::Type;

/// Fails to compile with advice unless L can decode step by step.
template <Layer L>
constexpr void expect_decodes() {
  static_assert(
      CachingLayer<L> || !L::mixes_tokens,
      "This sub-layer mixes tokens, but has no cache with which to decode step by step: give it a `struct Cache` "
      "with `carve(Carver<S>&, const Layer&, const CacheRows&)` and `copy(from, to, count)`, and `step(p, tape, cache, "
      "pass, x, y) const`.");
}

}  // namespace residual
