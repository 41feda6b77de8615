#pragma once

#include <map>

#include "residual/hub/detail/config_reader.hpp"
#include "residual/kernel/activation.hpp"

namespace residual::detail {

/// The activation that a key names.
inline Activation read_activation(ConfigReader& c, const char* key, const char* fallback) {
  static const std::map<std::string, Activation, std::less<>> known = {
      {"silu", Activation::silu},           {"swish", Activation::silu},
      {"gelu", Activation::gelu_erf},       {"gelu_python", Activation::gelu_erf},
      {"gelu_new", Activation::gelu_tanh},  {"gelu_pytorch_tanh", Activation::gelu_tanh},
      {"gelu_fast", Activation::gelu_tanh}, {"relu", Activation::relu},
      {"relu2", Activation::relu_squared}};
  const std::string name = c.word(key, fallback);
  if (const auto found = known.find(name); found != known.end()) return found->second;
  std::string names;
  for (const auto& [each, activation] : known) names += (names.empty() ? "" : ", ") + each;
  c.refuse(key, name, "one of " + names);
  return Activation::relu;
}

}  // namespace residual::detail
