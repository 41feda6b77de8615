#pragma once

#include "golden/case.hpp"
#include "residual/wiring/any_scheme.hpp"

namespace golden {

/// The residual scheme that a config describes, with biases in its norms. In an encoder-decoder that of one of its stacks:
/// Config::of_encoder, Config::of_decoder.
template <class S>
residual::AnyScheme<S> scheme_of(const Config& config);

extern template residual::AnyScheme<float> scheme_of(const Config&);
extern template residual::AnyScheme<double> scheme_of(const Config&);

}  // namespace golden
