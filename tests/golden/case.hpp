#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "golden/document.hpp"
#include "golden/tensor.hpp"
#include "residual/kernel/activation.hpp"

namespace golden {

/// The options of a case; see "config" in the description of the format.
struct Config {
  std::string kind, arch;
  Index d, heads, ffn, layers, batch, n, m;
  residual::Activation activation;
  bool bias, final_norm;
  double eps, final_eps, scale, alpha;
};

/// A golden case whose every key and option is known and fits the others.
struct Case {
  std::string tier;
  Config config;
  bool causal = false;
  bool attn_mask = false;
  std::vector<std::uint8_t> x_hidden = {};       ///< [batch x n], 1 = no query may attend to this token
  std::vector<std::uint8_t> source_hidden = {};  ///< [batch x m], the same for the memory or the encoder's input
  std::map<std::string, std::map<std::string, double>> tolerance = {};  ///< by "f64" or "f32", then by name
  Tensors tensors = {};

  /// What the memory is called: "memory" in a decoder, "src" in an encoder-decoder; empty in an encoder.
  std::string source() const { return config.kind == "decoder" ? "memory" : config.kind == "encdec" ? "src" : ""; }
  bool row_is_valid(std::size_t row) const { return tensors.at("rows_valid").data[row] != 0; }
};

/// Throws a sentence about the first key or option that is missing, unknown or at odds with another.
Case make_case(Document document);

}  // namespace golden
