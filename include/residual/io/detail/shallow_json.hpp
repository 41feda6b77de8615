#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace residual::detail {

/// The JSON of a text that anybody may have written, or a discarded value where it is none, or nests deeper than 100 levels,
/// or is longer than 100 MB: what walks over it later recurses.
inline nlohmann::json shallow_json(std::string_view text) {
  using json = nlohmann::json;
  struct TooDeep {};
  const auto bounded = [](int depth, json::parse_event_t, json&) {
    if (depth > 100) throw TooDeep();
    return true;
  };
  if (text.size() > 100'000'000) return json(json::value_t::discarded);
  try {
    return json::parse(text, bounded, false);
  } catch (const TooDeep&) {
    return json(json::value_t::discarded);
  }
}

}  // namespace residual::detail
