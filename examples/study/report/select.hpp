#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "../cell.hpp"
#include "../scheme_names.hpp"

namespace study {

/// The results whose cells have these values, {{"question", "E1"}, {"task", "causal"}}.
inline std::vector<Json> where(const std::vector<Json>& results, const Json& values) {
  std::vector<Json> some;
  for (const Json& r : results) {
    bool fits = true;
    for (const auto& [key, value] : values.items()) fits = fits && r.at("cell").at(key) == value;
    if (fits) some.push_back(r);
  }
  return some;
}
/// The values that a field of the cells takes, in their order.
template <class T>
std::vector<T> values_of(const std::vector<Json>& results, const char* field) {
  std::vector<T> values;
  for (const Json& r : results) values.push_back(r.at("cell").at(field).get<T>());
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}
/// Two or three digits of a number.
inline std::string digits(double value, const char* format = "%.3g") {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}
/// "a, b and c"
inline std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  }
  return names.empty() ? "none" : text;
}

}  // namespace study
