#pragma once

#include <optional>
#include <vector>

#include "residual/layers/attention/rotary.hpp"

namespace residual {

/// Rotary positions that differ from block to block: those of block b of a stack are of_block[b mod its size], and none
/// where that is empty. Gemma 3 turns its windowed blocks by another theta than the others.
template <class S>
struct RotaryByBlock {
  using Scalar = S;
  std::vector<std::optional<Rotary<S>>> of_block = {};  ///< empty: none anywhere
  bool operator==(const RotaryByBlock&) const = default;
  void check(const Heads& heads) const {
    for (const auto& rotary : of_block) {
      if (rotary) rotary->check(heads);
    }
  }

  struct Params : Rotary<S>::Params {
    void carve(Carver<S>&, const RotaryByBlock&) {}
  };
  struct Tape : Rotary<S>::Tape {
    void carve(Carver<S>&, const RotaryByBlock&, const Pass<S>&, const Heads&) {}
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, const Heads& heads, const QKV<Out<S>>& x) const {
    if (const auto* rotary = at(pass.block)) rotary->forward(p, t, pass, heads, x);
  }
  void backward(const Params& p, const Tape& t, const Pass<S>& pass, const Heads& heads, const QKV<Out<S>>& dx,
                Params& g) const {
    if (const auto* rotary = at(pass.block)) rotary->backward(p, t, pass, heads, dx, g);
  }

 private:
  const Rotary<S>* at(Index block) const {
    if (of_block.empty()) return nullptr;
    const auto& rotary = of_block[std::size_t(block) % of_block.size()];
    return rotary ? &*rotary : nullptr;
  }
};

}  // namespace residual
