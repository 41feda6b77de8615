#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "residual/io/dtype.hpp"

namespace residual::detail {

/// Calls visit(element) with an element of the floating type that `dtype` names; false, without a call, when it names
/// another.
template <class Visit>
bool visit_floating(Dtype dtype, Visit&& visit) {
  switch (dtype) {
    case Dtype::F16:
      visit(Eigen::half());
      return true;
    case Dtype::BF16:
      visit(Eigen::bfloat16());
      return true;
    case Dtype::F32:
      visit(float());
      return true;
    case Dtype::F64:
      visit(double());
      return true;
    default:
      return false;
  }
}

/// Copies `count` elements, rounded to the nearest value of S. Elements of a file may stand unaligned.
template <class From, class S>
void convert(const std::byte* from, S* to, std::size_t count) {
  if constexpr (std::is_same_v<From, S>) {
    if (count > 0) std::memcpy(to, from, count * sizeof(S));
  } else {
    using Wide = std::conditional_t<sizeof(From) == 2, float, From>;  // float holds all values of Eigen's 16-bit types
    for (std::size_t i = 0; i < count; ++i) {
      From element;
      std::memcpy(&element, from + i * sizeof element, sizeof element);
      to[i] = static_cast<S>(static_cast<Wide>(element));
    }
  }
}

}  // namespace residual::detail
