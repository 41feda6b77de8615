#pragma once

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

/// Token ids, separated by commas or blanks: those in a file of that name, else those in the text itself.
inline std::vector<int> read_tokens(const std::string& text) {
  std::string list = text;
  if (std::filesystem::is_regular_file(text)) {
    std::ifstream file(text);
    list.assign(std::istreambuf_iterator<char>(file), {});
  }
  std::vector<int> tokens;
  const char *at = list.data(), *const end = at + list.size();
  while (at != end) {
    if (*at == ',' || *at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') {
      ++at;
      continue;
    }
    int token = 0;
    const auto [next, error] = std::from_chars(at, end, token);
    if (error != std::errc() || (next != end && std::string_view(", \n\t\r").find(*next) == std::string_view::npos)) {
      throw std::invalid_argument("--tokens holds \"" + std::string(at, std::min(end, at + 20)) +
                                  "\", but must be token ids such as 1,5,7, or the name of a file of them: there is no "
                                  "tokenizer here.");
    }
    tokens.push_back(token);
    at = next;
  }
  if (tokens.empty()) throw std::invalid_argument("--tokens holds no token id; give one or more, such as 1,5,7.");
  return tokens;
}
