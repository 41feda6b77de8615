#pragma once

#include "golden/norms.hpp"
#include "golden/schemes.hpp"
#include "residual/wiring/admin.hpp"
#include "residual/wiring/b2t.hpp"
#include "residual/wiring/deep_norm.hpp"
#include "residual/wiring/keel.hpp"
#include "residual/wiring/layer_norm_scaling.hpp"
#include "residual/wiring/layer_scale.hpp"
#include "residual/wiring/mix_ln.hpp"
#include "residual/wiring/output_norm.hpp"
#include "residual/wiring/parallel_block.hpp"
#include "residual/wiring/peri_ln.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "residual/wiring/siamese_norm.hpp"
#include "residual/wiring/skip_init.hpp"
#include "residual/wiring/x0_injection.hpp"

namespace golden {

/// The scheme with these norms, where `last` stands behind the stack: a norm or Identity.
template <class S, class Norm, class LastNorm>
residual::AnyScheme<S> scheme_with(const Config& config, const Norm& norm, const LastNorm& last) {
  using namespace residual;
  const SchemeOptions& o = config.scheme;
  const std::string& arch = config.arch;
  if (arch == "post") return PostLN<S, Norm, LastNorm>(norm, last);
  if (arch == "pre") return PreLN<S, Norm, LastNorm>(norm, last);
  if (arch == "deepnorm") return DeepNorm<S, Norm, LastNorm>(norm, o.alpha, last);
  if (arch == "admin") return Admin<S, Norm, LastNorm>(norm, last);
  if (arch == "peri") return PeriLN<S, Norm, LastNorm>(norm, norm, last);
  if (arch == "olmo2") return OutputNorm<S, Norm, LastNorm>(norm, last);
  if (arch == "lns") return LayerNormScaling<S, Norm, LastNorm>(norm, last);
  if (arch == "mix") return MixLN<S, Norm, LastNorm>(norm, last, o.mix_post);
  if (arch == "rezero") return ReZero<S, LastNorm>(config.d, last);
  if (arch == "skipinit") return SkipInit<S, LastNorm>(config.d, last);
  if (arch == "layerscale") return LayerScale<S, Norm, LastNorm>(norm, last);
  if (arch == "parallel") return ParallelBlock<S, Norm, LastNorm>(norm, last);
  if (arch == "keel") return Keel<S, Norm, LastNorm>(norm, norm, o.keel_alpha, last);
  if (arch == "b2t") return B2T<S, Norm, LastNorm>(norm, last);
  if (arch == "siamese") return SiameseNorm<S, Norm, LastNorm>(norm, norm, last);
  if (arch == "x0") return X0Injection<S, Norm, LastNorm>(norm, last);
  if (arch == "residual") return ResiDual<S, Norm>(norm, last, S(o.scale), S(o.alpha));
  throw std::invalid_argument("this runner has no scheme for the arch " + arch + ".");
}

template <class S>
residual::AnyScheme<S> scheme_of(const Config& config) {
  using Norm = residual::AnyNorm<S>;
  const auto last = config.final_norm ? norm_of<S>(config, config.d, config.final_eps) : Norm(residual::Identity<S>());
  return scheme_with<S, Norm, Norm>(config, norm_of<S>(config, config.d, config.eps), last);
}

}  // namespace golden
