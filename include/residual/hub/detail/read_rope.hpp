#pragma once

#include "residual/hub/detail/config_reader.hpp"
#include "residual/hub/text_config.hpp"

namespace residual::detail {

/// How an object stretches rotary frequencies: `rope_scaling` of transformers 4 or `rope_parameters` of transformers 5.
inline RopeScaling read_rope_scaling(ConfigReader& r, Index longest) {
  using Rule = RopeScaling::Rule;
  RopeScaling scaling;
  const std::string type = r.word(r.find("rope_type") != nullptr ? "rope_type" : "type", "default");
  if (type == "default") return scaling;
  if (type != "linear" && type != "llama3" && type != "yarn") {
    r.refuse(r.find("rope_type") != nullptr ? "rope_type" : "type", type, "one of default, linear, llama3, yarn");
    return scaling;
  }
  scaling.rule = type == "linear" ? Rule::linear : type == "llama3" ? Rule::llama3 : Rule::yarn;
  const bool given = r.find("original_max_position_embeddings") != nullptr;
  const Index original = r.count("original_max_position_embeddings", longest);
  if (type != "linear") scaling.original = double(original);
  const bool by_ratio = type == "yarn" && given && r.find("factor") == nullptr;
  if (r.find("factor") == nullptr && !by_ratio) r.refuse("factor", nullptr, "a number of 1 or more");
  scaling.factor = by_ratio ? double(longest) / double(original) : r.number("factor", 1);
  if (type == "llama3") {
    scaling.low_freq = r.number("low_freq_factor", 1);
    scaling.high_freq = r.number("high_freq_factor", 4);
  }
  if (type == "yarn") {
    scaling.beta_fast = r.find("beta_fast") != nullptr ? r.number("beta_fast", 32) : 32;
    scaling.beta_slow = r.find("beta_slow") != nullptr ? r.number("beta_slow", 1) : 1;
    if (r.find("attention_factor") != nullptr) scaling.attention_factor = r.number("attention_factor", 1);
    for (const char* key : {"mscale", "mscale_all_dim"}) r.expect_absent(key);
    if (const auto* truncate = r.find("truncate"); truncate != nullptr && *truncate != nlohmann::json(true)) {
      r.refuse("truncate", *truncate, "true");
    }
  }
  try {
    scaling.check();
  } catch (const std::invalid_argument& error) {
    r.add_fault(error.what());
  }
  return scaling;
}

/// Theta and scaling of an object of `rope_parameters`.
inline Rope read_rope_parameters(ConfigReader r, double theta, Index longest) {
  return {.theta = r.number("rope_theta", theta), .scaling = read_rope_scaling(r, longest)};
}

/// The objects of `rope_parameters` for each kind of block.
inline void read_ropes_by_kind(ConfigReader both, TextConfig& config, double theta, double local, double& fraction) {
  const auto read = [&](const char* kind, double fallback) {
    Rope rope{.theta = fallback};
    const auto* const one = both.find(kind);
    if (one == nullptr) return rope;
    if (one->is_object()) {
      fraction = both.inside(kind).number("partial_rotary_factor", fraction);
      return read_rope_parameters(both.inside(kind), fallback, config.longest);
    }
    both.refuse(kind, *one, "an object");
    return rope;
  };
  config.rope = read("full_attention", theta);
  config.local_rope = read("sliding_attention", local);
}

/// Fills in how blocks turn queries and keys. `theta` is the default; `local_theta` that of windowed blocks, where they have
/// one of their own.
inline void read_rope(ConfigReader& c, TextConfig& config, double theta, std::optional<double> local_theta) {
  double fraction = c.find("partial_rotary_factor") != nullptr ? c.number("partial_rotary_factor", 1) : 1;
  theta = c.number("rope_theta", theta);
  const double local = local_theta ? c.number("rope_local_base_freq", *local_theta) : theta;
  config.rope = Rope{.theta = theta};
  config.local_rope = Rope{.theta = local};
  const auto *const parameters = c.find("rope_parameters"), *const scaling = c.find("rope_scaling");
  const bool by_kind =
      parameters != nullptr && (parameters->contains("full_attention") || parameters->contains("sliding_attention"));
  if (parameters != nullptr && (!parameters->is_object() || (local_theta && !by_kind))) {
    c.refuse("rope_parameters", *parameters, local_theta ? "an object for each kind of layer" : "an object");
  } else if (by_kind) {
    read_ropes_by_kind(c.inside("rope_parameters"), config, theta, local, fraction);
  } else if (parameters != nullptr) {
    fraction = c.inside("rope_parameters").number("partial_rotary_factor", fraction);
    config.rope = config.local_rope = read_rope_parameters(c.inside("rope_parameters"), theta, config.longest);
  } else if (scaling != nullptr && !scaling->is_object()) {
    c.refuse("rope_scaling", *scaling, "an object or null");
  } else if (scaling != nullptr) {
    ConfigReader r = c.inside("rope_scaling");
    config.rope->scaling = read_rope_scaling(r, config.longest);
    if (!local_theta) config.local_rope->scaling = config.rope->scaling;
  }
  if (fraction > 1) c.add_fault("partial_rotary_factor is " + std::to_string(fraction) + " (it must be 1 or less)");
  config.rotary_width = Index(double(config.head_dim) * std::min(fraction, 1.0));
  if (config.rotary_width < 2 || config.rotary_width % 2 != 0 || config.rotary_width > config.head_dim) {
    c.add_fault("the rotary width, head_dim times partial_rotary_factor, is " + std::to_string(config.rotary_width) +
                " (it must be even and no more than head_dim)");
  }
}

}  // namespace residual::detail
