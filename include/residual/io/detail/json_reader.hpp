#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "residual/io/printable.hpp"

namespace residual::detail {

/// What a reader of JSON that anybody may have written refuses, whatever it reads: text that is no JSON, levels without
/// end, names twice. It takes the events of the parser, and nothing recurses, so neither depth nor size of the JSON can
/// hurt. Every error is an Error, which `source` opens.
template <class Error>
class JsonReader {
 public:
  using json = nlohmann::json;

  bool parse_error(std::size_t position, const std::string&, const json::exception&) {
    throw error(whole_ + " is not JSON in UTF-8: the parser stopped at byte " + std::to_string(position) +
                " of it; the file is damaged or of another format");
  }

 protected:
  /// `whole` is what errors call the text.
  JsonReader(const std::string& source, std::string whole) : source_(source), whole_(std::move(whole)) {}

  /// Passes the events of the text to the reader, of which this is a part.
  template <class Reader>
  void parse(std::string_view text, Reader& reader) {
    // The parser takes a NUL for the end of its input and skips a byte-order mark: neither is JSON.
    if (text.find('\0') != text.npos) fail(whole_ + " holds a NUL byte, which JSON does not have");
    if (text.starts_with("\xEF\xBB\xBF")) fail(whole_ + " begins with a byte-order mark, expected '{'");
    json::sax_parse(text.begin(), text.end(), &reader);
  }
  /// Refuses one more level inside so many.
  void expect_room(std::size_t levels) const {
    constexpr std::size_t deepest = 127;  // as in the reference implementation of safetensors
    if (levels == deepest) fail(whole_ + " is nested deeper than " + std::to_string(deepest) + " levels");
  }
  /// Refuses a name that is not new in the object at `place`.
  void expect_new(bool is_new, const std::string& place, const std::string& name) const {
    if (!is_new) fail(place + " names " + printable(name) + " twice, expected each name once");
  }
  [[noreturn]] void fail(const std::string& what) const { throw error(what); }

 private:
  Error error(const std::string& what) const { return Error(source_ + ": " + what + "."); }

  const std::string& source_;
  std::string whole_;
};

}  // namespace residual::detail
