#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "residual/io/detail/json_reader.hpp"

namespace residual::detail {

/// Builds the value of a whole text.
template <class Error>
class TreeReader : public JsonReader<Error> {
 public:
  using json = nlohmann::json;

  /// The value of `text`; `source` opens every error.
  static json read(std::string_view text, const std::string& source) {
    TreeReader reader(source);
    reader.parse(text, reader);
    return std::move(reader.root_);
  }

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(json::number_integer_t number) { return put(number); }
  bool number_unsigned(json::number_unsigned_t number) { return put(number); }
  bool number_float(json::number_float_t number, const std::string&) { return put(number); }
  bool string(std::string& text) { return put(std::move(text)); }
  bool binary(json::binary_t&) { return false; }  // JSON has none

  bool start_object(std::size_t) { return open(json::object()); }
  bool start_array(std::size_t) { return open(json::array()); }
  bool key(std::string& name) {
    const auto [member, is_new] = open_.back()->emplace(name, nullptr);
    this->expect_new(is_new, "an object of the file", name);
    member_ = &*member;
    return true;
  }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

 private:
  explicit TreeReader(const std::string& source) : JsonReader<Error>(source, "the file") {}

  /// Puts a value to its place and returns it there.
  json& place(json value) {
    if (open_.empty()) return root_ = std::move(value);
    if (open_.back()->is_array()) return open_.back()->emplace_back(std::move(value));
    return *member_ = std::move(value);
  }
  bool put(json value) {
    place(std::move(value));
    return true;
  }
  bool open(json value) {
    this->expect_room(open_.size());
    open_.push_back(&place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  json root_;
  std::vector<json*> open_;  ///< objects and arrays that have begun and not yet ended
  json* member_ = nullptr;   ///< of the innermost object: the one last named
};

/// The JSON of a file that anybody may have written, which `source` names. Throws Error when it has more than `most` bytes,
/// is no JSON, is nested deeper than 127 levels, what walks over it later recurses, or names anything twice in one object.
template <class Error>
nlohmann::json shallow_json(std::string_view text, const std::string& source, std::size_t most) {
  if (text.size() > most) {
    throw Error(source + ": the file has " + std::to_string(text.size()) + " bytes, expected at most " +
                std::to_string(most) + "; it is of another kind.");
  }
  return TreeReader<Error>::read(text, source);
}

}  // namespace residual::detail
