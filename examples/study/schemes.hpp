#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "residual/train/gain.hpp"
#include "residual/wiring/any_scheme.hpp"
#include "residual/wiring/attention_residuals.hpp"
#include "residual/wiring/deep_norm.hpp"
#include "residual/wiring/dense_former.hpp"
#include "residual/wiring/hyper_connections.hpp"
#include "residual/wiring/keel.hpp"
#include "residual/wiring/layer_norm_scaling.hpp"
#include "residual/wiring/mix_ln.hpp"
#include "residual/wiring/peri_ln.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "residual/wiring/siamese_norm.hpp"

namespace study {

using residual::Index;
using Scheme = residual::AnyScheme<float>;

/// The scheme of that name for streams of `width`; DeepNorm's constants are those of the stack that it is for.
inline Scheme scheme_of(const std::string& name, Index width, double deep_norm_alpha) {
  using namespace residual;
  if (name == "Post-LN") return PostLN<float>(width);
  if (name == "Pre-LN") return PreLN<float>(width);
  if (name == "ResiDual") return ResiDual<float>(width);
  if (name == "DeepNorm") return DeepNorm<float>(width, deep_norm_alpha);
  if (name == "Peri-LN") return PeriLN<float>(width);
  if (name == "LayerNorm Scaling") return LayerNormScaling<float>(width);
  if (name == "Mix-LN") return MixLN<float>(width);
  if (name == "Keel") return Keel<float>(width);
  if (name == "SiameseNorm") return SiameseNorm<float>(width);
  if (name == "Hyper-Connections") return DynamicHyperConnections<float>(width, 4);
  if (name == "DenseFormer") return DenseFormer<float>(width);
  expect(name == "Attention Residuals", "The study knows no scheme ", name, "; `study run --help` lists those it has.");
  return AttentionResiduals<float>(width);
}

}  // namespace study
