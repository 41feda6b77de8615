#pragma once

#include "golden/norms.hpp"
#include "golden/schemes.hpp"
#include "residual/wiring/admin.hpp"
#include "residual/wiring/attention_residuals.hpp"
#include "residual/wiring/b2t.hpp"
#include "residual/wiring/deep_norm.hpp"
#include "residual/wiring/dense_former.hpp"
#include "residual/wiring/dlcl_post.hpp"
#include "residual/wiring/dlcl_pre.hpp"
#include "residual/wiring/hyper_connections.hpp"
#include "residual/wiring/keel.hpp"
#include "residual/wiring/layer_norm_scaling.hpp"
#include "residual/wiring/layer_scale.hpp"
#include "residual/wiring/macaron_pre_ln.hpp"
#include "residual/wiring/manifold_hyper_connections.hpp"
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

/// Hyper-connections of every kind.
template <class S, class Norm, class LastNorm>
residual::AnyScheme<S> hyper_connections(const Config& config, const Norm& norm, const LastNorm& last) {
  using namespace residual;
  const SchemeOptions& o = config.scheme;
  const auto manifold = [&](auto mixing) {
    return ManifoldHyperConnections<S, decltype(mixing), Norm, LastNorm>(norm, last, o.streams, mixing, S(o.hc_eps));
  };
  if (config.arch == "hc" && o.hc_dynamic) {
    return DynamicHyperConnections<S, Norm, LastNorm>(norm, last, norm, o.streams, o.hc_tanh);
  }
  if (config.arch == "hc") return HyperConnections<S, Norm, LastNorm>(norm, last, o.streams);
  if (o.mixing == "identity") return manifold(IdentityMixing());
  if (o.mixing == "kronecker") return manifold(KroneckerMixing());
  return manifold(SinkhornMixing{o.sinkhorn_iters});
}

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
  if (arch == "hc" || arch == "mhc") return hyper_connections<S>(config, norm, last);
  if (arch == "denseformer") return DenseFormer<S, Norm, LastNorm>(norm, last);
  if (arch == "dlcl_pre") return DlclPre<S, Norm, LastNorm>(norm, norm, last);
  if (arch == "dlcl_post") return DlclPost<S, Norm, LastNorm>(norm, norm, last);
  if (arch == "attnres" && o.attnres_block > 0) {
    return BlockAttentionResiduals<S, Norm, LastNorm>(norm, last, o.attnres_block, S(config.eps));
  }
  if (arch == "attnres") return AttentionResiduals<S, Norm, LastNorm>(norm, last, S(config.eps));
  const S half = S(o.ffn_half ? 0.5 : 1);
  if (arch == "macaron" && o.block_norm) return MacaronPreLN<S, Norm, LastNorm, Norm>(norm, last, half, norm);
  if (arch == "macaron") return MacaronPreLN<S, Norm, LastNorm>(norm, last, half);
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
