#pragma once

#include "../../examples/new_scheme/history_mix.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/wiring/deep_norm.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
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
      {"PreLN", [](Index d) { return PreLN<S>(d); },
       [](Random random, Index d) {
         const auto norm = random_layer_norm<S>(random, d);
         return PreLN<S>(norm, random_layer_norm<S>(random, d));
       }},
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
