#pragma once

#include <string>
#include <vector>

#include "residual/wiring/any_scheme.hpp"

/// The names of the residual schemes that an example can choose from: all of the library's for blocks of attention and
/// one feed-forward.
std::vector<std::string> scheme_names();

/// The scheme of that name, `dim` wide, with its defaults; `alpha` is DeepNorm's. Throws std::invalid_argument with all
/// names when there is none.
residual::AnyScheme<float> scheme_of(const std::string& name, residual::Index dim, double alpha);
