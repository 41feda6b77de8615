#pragma once

#include "golden/case.hpp"
#include "residual/layers/any_norm.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/layers/pointwise_norm.hpp"
#include "residual/layers/rms_norm.hpp"

namespace golden {

/// The norm that a config asks for, of that width, with biases.
template <class S>
residual::AnyNorm<S> norm_of(const Config& config, residual::Index width, double eps) {
  if (config.norm == "rms") return residual::RMSNorm<S>(width, S(eps), true, config.one_plus ? 1 : 0);
  if (config.norm == "dyt") return residual::DyT<S>(width);
  if (config.norm == "derf") return residual::Derf<S>(width);
  return residual::LayerNorm<S>(width, S(eps));
}

}  // namespace golden
