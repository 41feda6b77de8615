#pragma once

#include <functional>
#include <string>
#include <vector>

#include "residual/wiring/any_scheme.hpp"
#include "support/random.hpp"

namespace test_support {

/// A residual scheme as tests make it, for a given width.
template <class S>
struct SchemeCase {
  std::string name;
  std::function<residual::AnyScheme<S>(Index dim)> plain;  ///< with its defaults
  /// With random options, the same ones for every scalar.
  std::function<residual::AnyScheme<S>(Random random, Index dim)> random;
  /// How near differences in long double come to its gradient.
  long double precision = 1e-12L;
};

/// All residual schemes: what a generic test checks holds for each of them. scheme_list.hpp has them; they are compiled once
/// for all tests, for float, double and long double.
template <class S>
const std::vector<SchemeCase<S>>& every_scheme();

}  // namespace test_support
