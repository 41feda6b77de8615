#pragma once

#include "residual/wiring/weighted_sum.hpp"
#include "residual/wiring/wiring.hpp"

namespace residual {

/// What the two forms of DLCL own beside the norms of their blocks: history.weight, whose row b weighs the history in front of
/// block b, and the last one what y reads; and history.layer_norms.B, a norm for every block.
template <class S, class Norm>
struct LayerHistory {
  TokensView<S> weight;
  PerBlock<ParamsOf<Norm>> norm;

  /// Row b of the weights begins as the mean of its b + 1 entries; those behind them are not used.
  void carve(ParamListing<S>& list, const Norm& n) {
    const Start mean{[](Index row, Index col, double) { return col <= row ? 1.0 / double(row + 1) : 0.0; }};
    list.once([&](auto& c) { c("history.weight", weight, list.blocks() + 1, list.blocks() + 1, mean); });
    list.numbered("history.layer_norms.", norm, [&](auto& c, auto& p, Site) { list.carve(c, ".", p, n); });
  }
  const S* row(Index b) const { return weight.data() + b * weight.cols(); }
  S* row(Index b) { return weight.data() + b * weight.cols(); }
};

}  // namespace residual
