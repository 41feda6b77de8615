#pragma once

#include <concepts>
#include <iterator>
#include <span>
#include <type_traits>

#include "residual/core/view.hpp"

namespace residual {

/// An object that ends together with the numbers that it holds: a matrix, a std::vector. Windows, blocks and spans are not.
template <class T>
concept OwnsNumbers = std::derived_from<T, Eigen::PlainObjectBase<T>> ||
    (!std::ranges::enable_borrowed_range<T> && requires(T & numbers) { *std::begin(numbers); });

/// An argument of type T&& whose numbers live on after the call. A temporary matrix does not: store it in a variable, since
/// backward reads the input again.
template <class T>
concept OutlivesTheCall = std::is_lvalue_reference_v<T> || !OwnsNumbers<std::remove_cvref_t<T>>;

}  // namespace residual
