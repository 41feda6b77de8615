#pragma once

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "golden/tensor.hpp"
#include "residual/core/check.hpp"
#include "residual/io/tensor_info.hpp"

namespace golden {

/// The fields of a JSON object, each asked for by name; `done` throws about those that nobody asked for.
class Fields {
 public:
  using json = nlohmann::json;

  /// `where` names the object in errors.
  Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    residual::expect(object.is_object(), where_, " is ", shown(object), ", but an object is needed.");
  }

  /// The field, or nullptr when it is absent.
  const json* find(const std::string& key) {
    known_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  const json& at(const std::string& key) {
    const json* value = find(key);
    residual::expect(value != nullptr, where_, " has no \"", key, "\", which every case needs.");
    return *value;
  }

  std::string word(const std::string& key, std::initializer_list<const char*> allowed) {
    const json& value = at(key);
    std::string choices;
    for (const char* choice : allowed) choices += (choices.empty() ? "" : ", ") + std::string(choice);
    const bool known = std::find(allowed.begin(), allowed.end(), value) != allowed.end();
    residual::expect(known, where_, ".", key, " is ", shown(value), ", but this runner knows only ", choices, ".");
    return value;
  }
  /// A word for a key that may be left out.
  std::string word(const std::string& key, std::initializer_list<const char*> allowed, const char* otherwise) {
    return find(key) == nullptr ? otherwise : word(key, allowed);
  }
  Index count(const std::string& key) {
    const json& value = at(key);
    residual::expect(value.is_number_unsigned() && value <= 1'000'000, where_, ".", key, " is ", shown(value),
                     ", but a size is an integer from 0 to 10^6.");
    return value.get<Index>();
  }
  double number(const std::string& key) {
    const json& value = at(key);
    residual::expect(value.is_number(), where_, ".", key, " is ", shown(value), ", but a number is needed.");
    return value.get<double>();
  }
  bool flag(const std::string& key) {
    const json& value = at(key);
    residual::expect(value.is_boolean(), where_, ".", key, " is ", shown(value), ", but true or false is needed.");
    return value.get<bool>();
  }

  void done() const {
    for (const auto& [key, value] : object_.items()) {
      residual::expect(known_.contains(key), where_, " has the key ", residual::printable(key),
                       ", which this runner does not know.");
    }
  }

  static std::string shown(const json& value) { return value.dump(-1, ' ', true).substr(0, 100); }

 private:
  const json& object_;
  std::string where_;
  std::set<std::string> known_;
};

}  // namespace golden
