#pragma once

#include <concepts>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>

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

/// A window of the type W on numbers that backward reads again. It takes what W takes, but no temporary matrix or
/// std::vector.
template <class W>
struct Lasting : W {
  Lasting() = default;
  /// The window W(numbers, more...).
  template <class T, class... More>
    requires(!std::derived_from<std::remove_cvref_t<T>, Lasting> && std::constructible_from<W, T, More...>)
  Lasting(T&& numbers, const More&... more) : W(std::forward<T>(numbers), more...) {
    static_assert(OutlivesTheCall<T>,
                  "Input: a temporary matrix or std::vector would be gone when backward reads it again; give it a name "
                  "first: const Tokens<float> x = ...;");
  }
  /// Says what a matrix must be that is no such window.
  template <class T, class... More>
    requires(std::derived_from<std::remove_cvref_t<T>, Eigen::EigenBase<std::remove_cvref_t<T>>> &&
             !std::constructible_from<W, T, More...> && !requires { typename W::element_type; })
  Lasting(T&&, const More&...) {
    static_assert(
        sizeof(T) == 0,
        "Input: matrices must be row-major and of the model's scalar; store others in a Tokens<float> first.");
  }
};

}  // namespace residual

/// Its copies refer to the same numbers, as those of W do.
template <class W>
inline constexpr bool std::ranges::enable_borrowed_range<residual::Lasting<W>> = std::ranges::enable_borrowed_range<W>;
