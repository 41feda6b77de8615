#pragma once

#include "residual/layers/identity.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/wiring.hpp"

namespace residual {

/// What a scheme owns and keeps that has a norm `w.norm` at every sub-layer, layers.B.norm1, ..., and `w.last` at the end of
/// the stack, norm.
template <class S, class Norm, class LastNorm>
struct Normed {
  struct Params {
    PerSite<ParamsOf<Norm>> norm;
    ParamsOf<LastNorm> last;
    void carve(ParamListing<S>& list, const auto& w) {
      list.each_site("norm", norm, w.norm);
      list.once("norm.", last, w.last);
    }
  };
  struct Tape {
    PerSite<TapeOf<Norm>> norm;
    TapeOf<LastNorm> last;
    void carve(TapeListing<S>& list, const auto& w) {
      list.each_site(norm, w.norm);
      list.once(last, w.last);
    }
  };
};

}  // namespace residual
