#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace residual {

/// Text from a file, made safe to print: in quotes, control characters and bytes beyond ASCII escaped, cut at `most` bytes.
inline std::string printable(std::string_view text, std::size_t most = 100) {
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  const std::string shown = nlohmann::json(text.substr(0, most)).dump(-1, ' ', true, replace);
  return text.size() <= most ? shown : shown + "...";
}

/// A path made safe to print in the same way; cut only where no system takes it any more.
inline std::string printable_path(const std::filesystem::path& path) {
  const std::u8string text = path.generic_u8string();
  return printable({reinterpret_cast<const char*>(text.data()), text.size()}, 4096);
}

}  // namespace residual
