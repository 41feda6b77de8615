#pragma once

#include "../../examples/new_scheme/history_mix.hpp"
#include "residual/layers/rms_norm.hpp"
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

/// A scheme of a norm at its sub-layers and one behind the stack, of random options.
template <class W>
W with_random_norms(Random random, Index dim) {
  const auto norm = random_layer_norm<typename W::Scalar>(random, dim);
  return W(norm, random_layer_norm<typename W::Scalar>(random, dim));
}
template <class W>
SchemeCase<typename W::Scalar> two_norms(const char* name, long double precision = 1e-12L) {
  return {name, [](Index dim) { return W(dim); }, with_random_norms<W>, precision};
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
      {"Admin", [](Index d) { return Admin<S>(d); },
       [](Random random, Index d) { return Admin<S>(random_layer_norm<S>(random, d)); }},
      {"PeriLN", [](Index d) { return PeriLN<S>(d); },
       [](Random random, Index d) {
         const auto norm = random_layer_norm<S>(random, d), post = random_layer_norm<S>(random, d);
         return PeriLN<S>(norm, post, random_layer_norm<S>(random, d));
       }},
      {"OutputNorm", [](Index d) { return OutputNorm<S, Rms>(d); },
       [](Random random, Index d) {
         const auto post = random_rms_norm<S>(random, d);
         return OutputNorm<S, Rms>(post, random_rms_norm<S>(random, d));
       },
       4e-12L},  // f(x), near 0 at times, goes into a norm: there no h is better
      two_norms<LayerNormScaling<S>>("LayerNormScaling"),
      {"MixLN", [](Index d) { return MixLN<S>(d, 0.5); },
       [](Random random, Index d) {
         const double post = random.one_of({0.0, 0.25, 0.5, 1.0});
         const auto norm = random_layer_norm<S>(random, d);
         return MixLN<S>(norm, random_layer_norm<S>(random, d), post);
       }},
      {"ReZero", [](Index d) { return ReZero<S>(d); }, [](Random, Index d) { return ReZero<S>(d); }},
      {"SkipInit", [](Index d) { return SkipInit<S, LayerNorm<S>>(d); },
       [](Random random, Index d) { return SkipInit<S, LayerNorm<S>>(d, random_layer_norm<S>(random, d)); }},
      two_norms<LayerScale<S>>("LayerScale"),
      two_norms<ParallelBlock<S>>("ParallelBlock"),
      {"Keel", [](Index d) { return Keel<S, Rms>(d); },
       [](Random random, Index d) {
         const double alpha = random.one_of({1.0, 0.5, 2.3});
         const auto norm = random_rms_norm<S>(random, d);
         return Keel<S, Rms>(norm, random_rms_norm<S>(random, d), alpha);
       }},
      {"B2T", [](Index d) { return B2T<S>(d); },
       [](Random random, Index d) { return B2T<S>(random_layer_norm<S>(random, d)); }},
      {"SiameseNorm", [](Index d) { return SiameseNorm<S>(d); },
       [](Random random, Index d) {
         const auto x = random_layer_norm<S>(random, d), y = random_layer_norm<S>(random, d);
         return SiameseNorm<S>(x, y, random_layer_norm<S>(random, d));
       }},
      two_norms<X0Injection<S>>("X0Injection", 4e-12L),  // as for HistoryMix
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
