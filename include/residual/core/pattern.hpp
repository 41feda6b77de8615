#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace residual::detail {

/// What the *s of the pattern stand for in the text, or nothing when it does not fit: each for any text, as short as can be
/// and the last one for the rest. Takes linear time.
inline std::optional<std::vector<std::string_view>> match(std::string_view pattern, std::string_view text) {
  std::vector<std::string_view> stars;
  const auto head = pattern.find('*');
  if (head == pattern.npos) return pattern == text ? std::optional(stars) : std::nullopt;
  if (!text.starts_with(pattern.substr(0, head))) return std::nullopt;
  text.remove_prefix(head);
  pattern.remove_prefix(head + 1);
  for (auto next = pattern.find('*'); next != pattern.npos; next = pattern.find('*')) {
    const auto at = text.find(pattern.substr(0, next));
    if (at == text.npos) return std::nullopt;
    stars.push_back(text.substr(0, at));
    text.remove_prefix(at + next);
    pattern.remove_prefix(next + 1);
  }
  if (!text.ends_with(pattern)) return std::nullopt;
  stars.push_back(text.substr(0, text.size() - pattern.size()));
  return stars;
}

}  // namespace residual::detail
