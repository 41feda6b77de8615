#pragma once

#include "../../examples/new_scheme/history_mix.hpp"
#include "residual/layers/any_norm.hpp"
#include "residual/layers/rms_norm.hpp"
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
#include "support/freedoms.hpp"
#include "support/schemes.hpp"

namespace test_support {

template <class S>
S random_epsilon(Random& random) {
  return S(random.one_of({1e-7, 1e-5, 1e-3, 0.1}));
}
template <class S>
residual::LayerNorm<S> random_layer_norm(Random& random, Index dim) {
  const bool affine = random.chance(0.8), bias = random.chance(0.8);
  return residual::LayerNorm<S>(dim, random_epsilon<S>(random), affine, bias);
}
template <class S>
residual::RMSNorm<S> random_rms_norm(Random& random, Index dim) {
  return residual::RMSNorm<S>(dim, random_epsilon<S>(random), random.chance(0.8));
}

/// Norms of the family's schemes are chosen at run time, so that a scheme is compiled once whatever its norms are; Post-LN,
/// Pre-LN, ResiDual and DeepNorm have theirs as types.
template <class S>
using ANorm = residual::AnyNorm<S>;
/// The scheme W(norm, last, options...) with random norms.
template <class W, class... Options>
W with_random_norms(Random& random, Index dim, const Options&... options) {
  using S = typename W::Scalar;
  const auto norm = random_layer_norm<S>(random, dim);
  return W(norm, random_layer_norm<S>(random, dim), options...);
}
/// A scheme of a norm at its sub-layers and one behind the stack, without further options.
template <class W>
SchemeCase<typename W::Scalar> two_norms(const char* name, long double precision = 1e-12L) {
  return {name, [](Index dim) { return W(dim); },
          [](Random random, Index dim) { return with_random_norms<W>(random, dim); }, precision};
}

template <class S>
const std::vector<SchemeCase<S>>& every_scheme() {
  using namespace residual;
  using test_support::Random;
  using Rms = RMSNorm<S>;
  static const std::vector<SchemeCase<S>> all = {
      {"PostLN", [](Index d) { return PostLN<S>(d); },
       [](Random random, Index d) { return PostLN<S>(random_layer_norm<S>(random, d)); }},
      {"PostLNWithLastNorm", [](Index d) { return PostLN<S, Rms, LayerNorm<S>>(d); },
       [](Random random, Index d) {
         const auto norm = random_rms_norm<S>(random, d);
         return PostLN<S, Rms, LayerNorm<S>>(norm, random_layer_norm<S>(random, d));
       }},
      two_norms<PreLN<S>>("PreLN"),
      {"PreLNWithoutLastNorm", [](Index d) { return PreLN<S, Rms, Identity<S>>(d); },
       [](Random random, Index d) { return PreLN<S, Rms, Identity<S>>(random_rms_norm<S>(random, d), Identity<S>()); }},
      {"ResiDual", [](Index d) { return ResiDual<S>(d); },
       [](Random random, Index d) {
         const auto norm = random_layer_norm<S>(random, d), last = random_layer_norm<S>(random, d);
         const S scale = S(random.one_of({1.0, 0.5, 0.05, 1.7})), alpha = S(random.one_of({1.0, 0.25, 2.3, 0.0}));
         return ResiDual<S>(norm, last, scale, alpha);
       }},
      {"DeepNorm", [](Index d) { return DeepNorm<S>(d, 1.5); },
       [](Random random, Index d) {
         const double alpha = random.one_of({1.0, 0.5, 2.3});
         return DeepNorm<S>(random_layer_norm<S>(random, d), alpha);
       }},
      {"Admin", [](Index d) { return Admin<S, ANorm<S>>(d); },
       [](Random random, Index d) { return Admin<S, ANorm<S>>(random_layer_norm<S>(random, d)); }},
      {"PeriLN", [](Index d) { return PeriLN<S, ANorm<S>>(d); },
       [](Random random, Index d) {
         const auto norm = random_layer_norm<S>(random, d), post = random_layer_norm<S>(random, d);
         return PeriLN<S, ANorm<S>>(norm, post, random_layer_norm<S>(random, d));
       }},
      {"OutputNorm", [](Index d) { return OutputNorm<S, ANorm<S>>(d); },
       [](Random random, Index d) {
         const auto post = random_rms_norm<S>(random, d);
         return OutputNorm<S, ANorm<S>>(post, random_rms_norm<S>(random, d));
       },
       4e-12L},  // f(x), near 0 at times, goes into a norm: there no h is better
      two_norms<LayerNormScaling<S, ANorm<S>>>("LayerNormScaling"),
      {"MixLN", [](Index d) { return MixLN<S, ANorm<S>>(d, 0.5); },
       [](Random random, Index d) {
         const double post = random.one_of({0.0, 0.25, 0.5, 1.0});
         const auto norm = random_layer_norm<S>(random, d);
         return MixLN<S, ANorm<S>>(norm, random_layer_norm<S>(random, d), post);
       }},
      {"ReZero", [](Index d) { return ReZero<S>(d); }, [](Random, Index d) { return ReZero<S>(d); }},
      {"SkipInit", [](Index d) { return SkipInit<S, ANorm<S>>(d); },
       [](Random random, Index d) { return SkipInit<S, ANorm<S>>(d, random_layer_norm<S>(random, d)); }},
      two_norms<LayerScale<S, ANorm<S>>>("LayerScale"),
      two_norms<ParallelBlock<S, ANorm<S>>>("ParallelBlock"),
      {"Keel", [](Index d) { return Keel<S, ANorm<S>>(d); },
       [](Random random, Index d) {
         const double alpha = random.one_of({1.0, 0.5, 2.3});
         const auto norm = random_rms_norm<S>(random, d);
         return Keel<S, ANorm<S>>(norm, random_rms_norm<S>(random, d), alpha);
       }},
      {"B2T", [](Index d) { return B2T<S, ANorm<S>>(d); },
       [](Random random, Index d) { return B2T<S, ANorm<S>>(random_layer_norm<S>(random, d)); }},
      {"SiameseNorm", [](Index d) { return SiameseNorm<S, ANorm<S>>(d); },
       [](Random random, Index d) {
         const auto x = random_layer_norm<S>(random, d), y = random_layer_norm<S>(random, d);
         return SiameseNorm<S, ANorm<S>>(x, y, random_layer_norm<S>(random, d));
       }},
      {"HyperConnections", [](Index d) { return HyperConnections<S, ANorm<S>, ANorm<S>>(d, 2); },
       [](Random random, Index d) {
         const Index n = random.one_of<Index>({1, 2, 3, 4});
         return with_random_norms<HyperConnections<S, ANorm<S>, ANorm<S>>>(random, d, n);
       }},
      {"DynamicHyperConnections", [](Index d) { return DynamicHyperConnections<S, ANorm<S>, ANorm<S>>(d, 3); },
       [](Random random, Index d) {
         const auto z = random_layer_norm<S>(random, d);
         const Index n = random.one_of<Index>({1, 2, 4});
         return with_random_norms<DynamicHyperConnections<S, ANorm<S>, ANorm<S>>>(random, d, z, n, random.chance(0.7));
       }},
      {"ManifoldHyperConnections",
       [](Index d) { return ManifoldHyperConnections<S, SinkhornMixing, ANorm<S>, ANorm<S>>(d, 3); },
       [](Random random, Index d) {
         const Index n = random.one_of<Index>({1, 2, 3, 4}), iterations = random.one_of<Index>({1, 3, 20});
         return with_random_norms<ManifoldHyperConnections<S, SinkhornMixing, ANorm<S>, ANorm<S>>>(
             random, d, n, SinkhornMixing{iterations});
       }},
      {"KroneckerHyperConnections",
       [](Index d) { return ManifoldHyperConnections<S, KroneckerMixing, ANorm<S>, ANorm<S>>(d, 4); },
       [](Random random, Index d) {
         const Index n = random.one_of<Index>({2, 4, 8});
         return with_random_norms<ManifoldHyperConnections<S, KroneckerMixing, ANorm<S>, ANorm<S>>>(random, d, n);
       }},
      {"IdentityHyperConnections",
       [](Index d) { return ManifoldHyperConnections<S, IdentityMixing, ANorm<S>, ANorm<S>>(d, 2); },
       [](Random random, Index d) {
         const auto norm = random_rms_norm<S>(random, d);
         const S epsilon = S(random.one_of({1e-20, 1e-6, 0.1}));
         return ManifoldHyperConnections<S, IdentityMixing, ANorm<S>, ANorm<S>>(norm, Identity<S>(), 3, {}, epsilon);
       }},
      {"AttentionResiduals", [](Index d) { return AttentionResiduals<S, ANorm<S>, ANorm<S>>(d); },
       [](Random random, Index d) {
         const S epsilon = random_epsilon<S>(random);
         return with_random_norms<AttentionResiduals<S, ANorm<S>, ANorm<S>>>(random, d, epsilon);
       }},
      {"BlockAttentionResiduals", [](Index d) { return BlockAttentionResiduals<S, ANorm<S>, ANorm<S>>(d, 2); },
       [](Random random, Index d) {
         const Index group = random.one_of<Index>({1, 2, 3});
         return with_random_norms<BlockAttentionResiduals<S, ANorm<S>, ANorm<S>>>(random, d, group,
                                                                                  random_epsilon<S>(random));
       }},
      two_norms<DenseFormer<S, ANorm<S>, ANorm<S>>>("DenseFormer"),
      {"DlclPre", [](Index d) { return DlclPre<S, ANorm<S>, ANorm<S>>(d); },
       [](Random random, Index d) {
         const auto norm = random_layer_norm<S>(random, d), history = random_layer_norm<S>(random, d);
         return DlclPre<S, ANorm<S>, ANorm<S>>(norm, history, random_layer_norm<S>(random, d));
       }},
      {"DlclPost", [](Index d) { return DlclPost<S, ANorm<S>>(d); },
       [](Random random, Index d) { return with_random_norms<DlclPost<S, ANorm<S>>>(random, d); }},
      {"MacaronPreLN", [](Index d) { return MacaronPreLN<S, ANorm<S>, ANorm<S>, ANorm<S>>(d); },
       [](Random random, Index d) {
         using Norm = ANorm<S>;
         const S half = S(random.one_of({0.5, 1.0, -1.3}));
         return with_random_norms<MacaronPreLN<S, Norm, Norm, Norm>>(random, d, half, random_layer_norm<S>(random, d));
       }},
      two_norms<X0Injection<S, ANorm<S>>>("X0Injection", 4e-12L),  // as for HistoryMix
      {"HistoryMix", [](Index d) { return HistoryMix<S>(d); },
       [](Random random, Index d) {
         const auto norm = random_layer_norm<S>(random, d);
         return HistoryMix<S>(norm, random_layer_norm<S>(random, d));
       },
       4e-12L},  // a mixture w v, with w near 0, goes into a norm: there no h is better
      {"Freedoms", [](Index d) { return Freedoms<S>(d); }, [](Random, Index d) { return Freedoms<S>(d); }},
  };
  return all;
}

}  // namespace test_support
