#pragma once

#include <cstddef>
#include <tuple>
#include <vector>

#include "residual/layers/cache.hpp"
#include "residual/wiring/site.hpp"

namespace residual {

/// The KV caches of all blocks of a stack of the sub-layers F...: what these need of the tokens before, and of the memory.
template <class Stack, class... F>
struct StackCache {
  using S = typename Stack::Scalar;
  std::vector<std::tuple<CacheOf<F>...>> layers;  ///< a block each
  void carve(Carver<S>& c, const Stack& stack, const CacheRows& rows) {
    (expect_decodes<F>(), ...);
    if (Index(layers.size()) != stack.depth) layers = decltype(layers)(std::size_t(stack.depth));
    for (auto& layer : layers) {
      Stack::each_slot([&](auto i) { c("", std::get<i>(layer), std::get<i>(stack.sublayers), rows); });
    }
    step = &step_layer;
  }
  /// Copies rows of the context's tokens in every cache.
  void copy(Index from, Index to, Index count) {
    for (auto& layer : layers) Stack::each_slot([&](auto i) { std::get<i>(layer).copy(from, to, count); });
  }

  /// What sub-layer k does in a step of decoding; nullptr before `carve`, which names it, so that only programs that decode
  /// compile it.
  void (*step)(const Stack&, Site k, const typename Stack::Params&, typename Stack::Tape&, StackCache&, const Pass<S>&,
               In<S> x, Out<S> y) = nullptr;

 private:
  static void step_layer(const Stack& stack, Site k, const typename Stack::Params& p, typename Stack::Tape& t,
                         StackCache& cache, const Pass<S>& pass, In<S> x, Out<S> y) {
    const auto block = std::size_t(k.block);
    Stack::each_slot([&](auto i) {
      if constexpr (CachingLayer<std::tuple_element_t<i, std::tuple<F...>>>) {
        if (Index(i) != k.slot) return;
        const auto& f = std::get<i>(stack.sublayers);
        f.step(std::get<i>(p.layers[block]), std::get<i>(t.layers[block]), std::get<i>(cache.layers[block]), pass, x,
               y);
      }
    });
  }
};

}  // namespace residual
