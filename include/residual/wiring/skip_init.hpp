#pragma once

#include "residual/wiring/re_zero.hpp"

namespace residual {

/// SkipInit, De and Smith 2020 (arXiv:2002.10444), ReZero with a gate g_k at every sub-layer:
///
///     x_{k+1} = x_k + g_k f_k(x_k),   y = x_{N+1},   x_1 = embedding
///
/// Gates start at 0. With a norm as `LastNorm`, y = LN(x_{N+1}).
template <class S, class LastNorm = Identity<S>>
using SkipInit = ReZero<S, LastNorm, PerSite>;

}  // namespace residual
