#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "residual/core/check.hpp"

namespace residual {

/// How rotary frequencies w_i = theta^(-2i / width) are stretched for sequences longer than those of training, with the
/// names of Hugging Face's `rope_scaling`; `factor` is f, `original` the context of training, L0.
struct RopeScaling {
  enum class Rule {
    none,
    linear,  ///< w / f (arXiv:2306.15595)
    ntk,     ///< theta f^(width / (width - 2)) in place of theta
    llama3,  ///< w where its wave is shorter than L0 / high, w / f where longer than L0 / low, between them a blend
    yarn,    ///< Peng et al. 2023 (arXiv:2309.00071): a ramp from w to w / f; cos and sin times attention_factor
  };
  Rule rule = Rule::none;
  double factor = 1, original = 0;
  double low_freq = 1, high_freq = 4;    ///< llama3
  double beta_fast = 32, beta_slow = 1;  ///< yarn
  double attention_factor = 0;           ///< yarn; 0: 0.1 ln f + 1

  bool operator==(const RopeScaling&) const = default;

  void check() const {
    expect_known("RopeScaling: rule", rule, Rule::yarn, "RopeScaling::Rule::linear");
    expect(std::isfinite(factor) && factor >= 1, "RopeScaling: factor is ", factor, ", but it must be 1 or more.");
    const bool needs_original = rule == Rule::llama3 || rule == Rule::yarn;
    expect(!needs_original || (original > 0 && std::isfinite(original)), "RopeScaling: original is ", original,
           ", but llama3 and yarn need the context that the model was trained with, such as 8192.");
    expect(attention_factor >= 0 && std::isfinite(attention_factor), "RopeScaling: attention_factor is ",
           attention_factor, ", but it must be greater than 0, or 0 for 0.1 ln f + 1.");
    expect(rule != Rule::llama3 || (low_freq > 0 && high_freq > low_freq && std::isfinite(high_freq)),
           "RopeScaling: low_freq is ", low_freq, " and high_freq ", high_freq,
           ", but they must be numbers greater than 0 and the second the greater.");
    expect(rule != Rule::yarn || (beta_slow > 0 && beta_fast >= beta_slow && std::isfinite(beta_fast)),
           "RopeScaling: beta_fast is ", beta_fast, " and beta_slow ", beta_slow,
           ", but both must be numbers greater than 0 and the first no less than the second.");
    const RopeScaling unset;
    expect_read(rule != Rule::none, "factor", factor, unset.factor);
    expect_read(needs_original, "original", original, unset.original);
    expect_read(rule == Rule::llama3, "low_freq", low_freq, unset.low_freq);
    expect_read(rule == Rule::llama3, "high_freq", high_freq, unset.high_freq);
    expect_read(rule == Rule::yarn, "beta_fast", beta_fast, unset.beta_fast);
    expect_read(rule == Rule::yarn, "beta_slow", beta_slow, unset.beta_slow);
    expect_read(rule == Rule::yarn, "attention_factor", attention_factor, unset.attention_factor);
  }

  /// What cos and sin are multiplied with.
  double amplitude() const {
    if (rule != Rule::yarn) return 1;
    return attention_factor > 0 ? attention_factor : 0.1 * std::log(factor) + 1;
  }

  /// The angle of each pair of entries at position 1.
  template <class T>
  std::vector<T> frequencies(Index width, double theta) const {
    using std::pow;
    const T base = rule == Rule::ntk ? T(theta) * pow(T(factor), T(width) / T(width - 2)) : T(theta);
    std::vector<T> w;
    for (Index i = 0; i < width / 2; ++i) w.push_back(scaled<T>(pow(base, T(-2 * i) / T(width)), i, width, theta));
    return w;
  }

 private:
  /// Throws when a field was given that the rule does not read.
  void expect_read(bool read, const char* name, double value, double unset) const {
    constexpr const char* names[] = {"none", "linear", "ntk", "llama3", "yarn"};
    expect(read || value == unset, "RopeScaling: ", name, " is ", value, ", but the rule ", names[int(rule)],
           " does not read it; leave it out, or give the rule that it is for.");
  }
  template <class T>
  T scaled(T w, Index i, Index width, double theta) const {
    const T f = T(factor);
    if (rule == Rule::linear) return w / f;
    if (rule == Rule::llama3) {
      const T wave = 2 * std::numbers::pi_v<T> / w, low = T(low_freq), high = T(high_freq), L0 = T(original);
      if (wave < L0 / high) return w;
      if (wave > L0 / low) return w / f;
      const T s = (L0 / wave - low) / (high - low);
      return (1 - s) * w / f + s * w;
    }
    if (rule == Rule::yarn) {
      const double first = std::max(std::floor(turns_at(beta_fast, width, theta)), 0.0);
      double last = std::min(std::ceil(turns_at(beta_slow, width, theta)), double(width - 1));
      if (first == last) last += 0.001;
      const T ramp = T(std::clamp((double(i) - first) / (last - first), 0.0, 1.0));
      return ramp * w / f + (1 - ramp) * w;
    }
    return w;
  }
  /// The pair that turns so many times within the original context.
  double turns_at(double turns, Index width, double theta) const {
    return double(width) * std::log(original / (2 * std::numbers::pi * turns)) / (2 * std::log(theta));
  }
};

}  // namespace residual
