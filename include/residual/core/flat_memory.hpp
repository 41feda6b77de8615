#pragma once

#include <concepts>
#include <type_traits>

#include "residual/core/view.hpp"

namespace residual {

/// A vector of S in memory, one number behind another: a `Column<S>`, a segment of one, the `flat()` of parameters. Parameters
/// themselves and expressions are not.
template <class V, class S>
concept FlatMemory = std::same_as<typename V::Scalar, S> && bool(V::IsVectorAtCompileTime) &&
                     int(V::InnerStrideAtCompileTime) == 1 && requires(const V& v) {
  { v.data() } -> std::convertible_to<const S*>;
};

}  // namespace residual
