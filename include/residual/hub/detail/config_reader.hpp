#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "residual/core/view.hpp"
#include "residual/io/detail/listed.hpp"

namespace residual::detail {

/// No published model has more.
inline constexpr Index most_layers = 1000, longest_head = 8192;

/// Reads the keys of a config.json and gathers all that is wrong, to be said at once.
class ConfigReader {
 public:
  /// `where` stands in front of the keys in faults, as "rope_parameters.".
  explicit ConfigReader(const nlohmann::json& object, Listed& faults, std::string where = "")
      : object_(object), faults_(faults), where_(std::move(where)) {}

  /// The value of a key that is there and not null, or nullptr.
  const nlohmann::json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  /// Whether the key says null.
  bool is_null(const char* key) const {
    const auto found = object_.find(key);
    return found != object_.end() && found->is_null();
  }

  /// A whole number from `least` to `most`, so that sizes do not overflow; `fallback` where the key is absent.
  Index count(const char* key, Index fallback, Index least = 1, Index most = 1 << 24) {
    const auto* value = get(key);
    if (value == nullptr) return fallback;
    const double number = value->is_number_integer() ? value->get<double>() : -1;
    if (number >= double(least) && number <= double(most)) return Index(number);
    refuse(key, *value, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return fallback;
  }
  /// A whole number from 1 on, or none where the key says null; `fallback` where it is absent.
  std::optional<Index> count_or_null(const char* key, std::optional<Index> fallback) {
    if (is_null(key)) return std::nullopt;
    return find(key) == nullptr ? fallback : count(key, 1);
  }
  /// A number greater than 0.
  double number(const char* key, double fallback) {
    const auto* value = get(key);
    if (value == nullptr) return fallback;
    if (value->is_number() && value->get<double>() > 0 && std::isfinite(value->get<double>())) {
      return value->get<double>();
    }
    refuse(key, *value, "a number greater than 0");
    return fallback;
  }
  /// A number greater than 0, or 0 where the key says null; `fallback` where it is absent.
  double number_or_null(const char* key, double fallback) { return is_null(key) ? 0 : number(key, fallback); }
  /// true or false.
  bool flag(const char* key, bool fallback) {
    const auto* value = get(key);
    if (value == nullptr) return fallback;
    if (value->is_boolean()) return value->get<bool>();
    refuse(key, *value, "true or false");
    return fallback;
  }
  /// A text.
  std::string word(const char* key, const std::string& fallback) {
    const auto* value = get(key);
    if (value == nullptr) return fallback;
    if (value->is_string()) return value->get<std::string>();
    refuse(key, *value, "a text");
    return fallback;
  }
  /// Refuses true where the key may say it.
  void expect_false(const char* key) {
    const auto* value = find(key);
    if (value != nullptr && *value != nlohmann::json(false)) refuse(key, *value, "false");
  }
  /// Refuses a key that says anything but null.
  void expect_absent(const char* key) {
    if (const auto* value = find(key)) refuse(key, *value, "absent");
  }

  /// key is value, but only `known` can be built.
  void refuse(const char* key, const nlohmann::json& value, const std::string& known) {
    constexpr auto replace = nlohmann::json::error_handler_t::replace;
    std::string text = value.dump(-1, ' ', true, replace);
    if (text.size() > 100) text = text.substr(0, 100) + "...";
    add_fault(where_ + key + " is " + text + " (it must be " + known + ")");
  }
  /// Whatever else is wrong.
  void add_fault(const std::string& fault) {
    faults_.add([&] { return fault; });
  }
  /// A reader of the object at a key, which there is.
  ConfigReader inside(const char* key) const { return ConfigReader(object_.at(key), faults_, where_ + key + "."); }

 private:
  /// The value, or nullptr where the key is absent; a null is refused by who asked for more.
  const nlohmann::json* get(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  const nlohmann::json& object_;
  Listed& faults_;
  std::string where_;
};

}  // namespace residual::detail
