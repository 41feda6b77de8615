#pragma once

#include "residual/layers/pass.hpp"

/// An attention that heeds the mask only behind the first `early` blocks of a stack. With one that hides pictures from text
/// this is the early fusion of LLaMA-Adapter V2, Gao et al. 2023 (arXiv:2304.15010): what the text becomes is the same as if
/// the pictures' rows were taken out behind these blocks.
template <class Attention>
struct EarlyFusion : Attention {
  using S = typename Attention::Scalar;
  residual::Index early;
  bool operator==(const EarlyFusion&) const = default;

  void forward(const typename Attention::Params& p, typename Attention::Tape& t, const residual::Pass<S>& pass,
               residual::In<S> x, residual::Out<S> y) const {
    Attention::forward(p, t, own(pass), x, y);
  }
  void backward(const typename Attention::Params& p, const typename Attention::Tape& t, const residual::Pass<S>& pass,
                residual::In<S> x, residual::In<S> dy, residual::Out<S> dx, typename Attention::Params& g) const {
    Attention::backward(p, t, own(pass), x, dy, dx, g);
  }

 private:
  residual::Pass<S> own(const residual::Pass<S>& pass) const {
    residual::Pass<S> own = pass;
    if (pass.block < early) own.attn_mask.show({});
    return own;
  }
};
