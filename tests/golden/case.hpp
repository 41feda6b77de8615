#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "golden/document.hpp"
#include "golden/tensor.hpp"
#include "residual/kernel/activation.hpp"
#include "residual/layers/attention/rope_scaling.hpp"
#include "residual/layers/attention/scores.hpp"

namespace golden {

/// The options of residual schemes. One that a case leaves out, as it must where its arch has no such option, has the value
/// that stands here.
struct SchemeOptions {
  double scale = 1, alpha = 1;
  double enc_alpha = 1, dec_alpha = 1;    ///< alpha of both stacks of an encoder-decoder; left out: alpha
  std::optional<double> keel_alpha = {};  ///< left out: the number of sub-layers
  double mix_post = 0.25;
  Index streams = 4;
  bool hc_dynamic = false, hc_tanh = true;
  double hc_eps = 1e-20;
  Index sinkhorn_iters = 20;
  std::string mixing = "sinkhorn";
  Index attnres_block = 0;
  bool ffn_half = true, block_norm = false;
};

/// The options of attention and feed-forward.
struct LayerOptions {
  bool gated = false;     ///< ffn_type
  bool separate = false;  ///< proj
  Index kv_heads = 0, head_dim = 0;
  bool bias = true, qkv_bias = true;  ///< of linear maps
  std::string qk_norm = "none";       ///< or head, full
  residual::Scores scores = {};
  bool sinks = false;
  std::string rope = "none";
  Index rotary_dim = 0;  ///< 0: the width of a head
  double rope_theta = 10000;
  residual::RopeScaling rope_scaling = {};
  Index window = 0, window_every = 0;
  bool sub_ln = false;
  bool realformer = false, value_residual = false;
  Index prompts = 0, prompt_layers = 0;  ///< adapter_prompts, adapter_layers; 0 layers: all
  bool adapter_scale_bias = false;
};

/// The options of a case; see "config" in the description of the format.
struct Config {
  std::string kind, arch, norm;
  Index d, heads, ffn, layers, batch, n, m;
  residual::Activation activation;
  bool bias, final_norm;
  double eps, final_eps;
  bool one_plus = false;  ///< norm_gain
  SchemeOptions scheme = {};
  LayerOptions layer = {};

  /// That of the encoder of an encoder-decoder.
  Config of_encoder() const { return with_alpha(scheme.enc_alpha); }
  /// That of its decoder.
  Config of_decoder() const { return with_alpha(scheme.dec_alpha); }
  /// That of the same model with biases of all linear maps.
  Config with_biases() const {
    Config config = *this;
    config.layer.bias = config.layer.qkv_bias = true;
    return config;
  }

 private:
  Config with_alpha(double alpha) const {
    Config config = *this;
    config.scheme.alpha = alpha;
    return config;
  }
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
