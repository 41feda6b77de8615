#pragma once

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>
#include <tuple>
#include <utility>

#include "residual/model/chain_part.hpp"

namespace residual {

/// The first place that is true; the number of places when none is.
constexpr std::size_t first_of(std::initializer_list<bool> places) {
  return std::size_t(std::find(places.begin(), places.end(), true) - places.begin());
}

/// What the types of a chain's parts say about the chain.
template <class... P>
struct ChainShape {
  static_assert(sizeof...(P) > 0, "A Chain needs parts: chain(Linear<float>{8, 32}, encoder(...)).");
  static_assert((is_chain_part<P>() && ...));
  static_assert((int(PartCalls<P>::pools) + ... + 0) <= 1,
                "A Chain pools once: behind a Pool there is one row a sequence, and nothing to pool.");

  static constexpr std::size_t size = sizeof...(P);  ///< parts
  /// Part i.
  template <std::size_t i>
  using Part = std::tuple_element_t<i, std::tuple<P...>>;

  /// Where the pooling is among the parts; `size`: nowhere.
  static constexpr std::size_t pooling = first_of({PartCalls<P>::pools...});
  /// Whether some part in front of the pooling, or the one that pools, is a model, which reads the attn_mask.
  static constexpr bool reads_mask = first_of({PartCalls<P>::reads_mask...}) < std::min(pooling + 1, size);
  /// Whether some part attends to a memory.
  static constexpr bool reads_memory = (PartCalls<P>::reads_memory || ...);

  /// Whether no two parts have one name of their own.
  static constexpr bool names_differ() {
    const std::array<bool, size> own{has_own_name<P>...};
    const std::array<std::string_view, size> names{own_name<P>...};
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (own[i] && own[j] && names[i] == names[j]) return false;
      }
    }
    return true;
  }
  /// Whether no part's own name may be the number of another.
  static constexpr bool no_name_is_a_number() {
    return !((own_name<P>.substr(0, 1) >= "0" && own_name<P>.substr(0, 1) <= "9") || ...);
  }
  /// Whether a part behind the pooling attends to a memory.
  static constexpr bool remembers_too_late() {
    const std::array<bool, size> reads{PartCalls<P>::reads_memory...};
    return std::find(reads.begin() + std::min(pooling + 1, size), reads.end(), true) != reads.end();
  }
  /// visit(0), visit(1), ... for all parts.
  template <class Visit>
  static void each_part(Visit&& visit) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (visit(std::integral_constant<std::size_t, I>()), ...); }
    (std::index_sequence_for<P...>());
  }
};

}  // namespace residual
