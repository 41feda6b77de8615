#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "residual/layers/layer.hpp"

namespace residual {

/// A text as a template argument.
template <std::size_t size>
struct FixedText {
  char text[size] = {};

  /// Of a literal, whose closing 0 counts.
  constexpr FixedText(const char (&literal)[size]) { std::copy_n(literal, size, text); }
};
/// The layer L whose parameters' names begin with `prefix`: for stacks with several sub-layers of one type, as Macaron's
/// `Stack<W, Named<"ffn1.", FeedForward<S>>, SelfAttention<S>, Named<"ffn2.", FeedForward<S>>>`.
/// Made as `Named<..>{{dim, ..}}`.
template <FixedText prefix, class L>
struct Named : L {
  static constexpr const char* name = prefix.text;
  bool operator==(const Named&) const = default;
};
/// The layer, stack or other part with names that begin with `prefix`: named<"head.">(Linear<float>{32, 3}).
template <FixedText prefix, class L>
Named<prefix, L> named(L part) {
  return {std::move(part)};
}

}  // namespace residual
