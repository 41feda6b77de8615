#pragma once

#include "golden/schemes.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/wiring/deep_norm.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"

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
  if constexpr (std::same_as<LastNorm, Norm>) {
    if (arch == "residual") return ResiDual<S, Norm>(norm, last, S(o.scale), S(o.alpha));
  }
  throw std::invalid_argument("this runner has no scheme for the arch " + arch + ".");
}

/// The same with norms that make(eps) makes.
template <class S, class Make>
residual::AnyScheme<S> scheme_with(const Config& config, Make&& make) {
  const auto norm = make(S(config.eps));
  if (config.final_norm) return scheme_with<S>(config, norm, make(S(config.final_eps)));
  return scheme_with<S>(config, norm, residual::Identity<S>());
}

template <class S>
residual::AnyScheme<S> scheme_of(const Config& config) {
  if (config.norm == "rms") return scheme_with<S>(config, [&](S eps) { return residual::RMSNorm<S>(config.d, eps); });
  return scheme_with<S>(config, [&](S eps) { return residual::LayerNorm<S>(config.d, eps); });
}

}  // namespace golden
