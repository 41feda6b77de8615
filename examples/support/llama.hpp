#pragma once

#include "residual/layers/attention/rotary.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/model/language_model.hpp"
#include "residual/wiring/pre_ln.hpp"

/// LLaMA's attention, with rotary positions; and LLaMA-Adapter's prompts in the blocks that are to have them.
using LlamaAttention = residual::SelfAttentionOf<float, residual::GatedPrompts<float>, residual::Rotary<float>>;
/// LLaMA's blocks, Touvron et al. 2023 (arXiv:2302.13971): Pre-LN with RMSNorm, and SwiGLU.
using LlamaBlocks = residual::Stack<residual::PreLN<float, residual::RMSNorm<float>>, LlamaAttention,
                                    residual::GatedFeedForward<float>>;
/// A language model of them.
using Llama = residual::LanguageModel<LlamaBlocks>;

/// The sizes of a small LLaMA.
struct LlamaSizes {
  residual::Index vocabulary, width, heads, depth;
  residual::Index prompts = 0;         ///< of each block that has some
  residual::Index first_prompted = 0;  ///< the first block that does
  bool bias = false;                   ///< of the linear maps
};

/// Its blocks, whose feed-forward layer is 8/3 of the width wide, rounded up to a multiple of 8. Throws when sizes do not
/// fit each other.
inline LlamaBlocks llama_blocks(const LlamaSizes& s) {
  using namespace residual;
  const LlamaAttention attention{
      .dim = s.width,
      .heads = s.heads,
      .causal = true,
      .bias = s.bias,
      .inner = {.dim = s.width, .heads = s.heads, .count = s.prompts, .first = s.first_prompted},
      .maps = {Rotary<float>(s.width / s.heads)}};
  const GatedFeedForward<float> ffn{s.width, (8 * s.width / 3 + 7) / 8 * 8, Activation::silu, s.bias};
  return encoder(PreLN<float, RMSNorm<float>>(s.width), {.depth = s.depth}, attention, ffn);
}

/// Its embedding, to which the output projection is tied; places are told by rotation alone.
inline residual::Embedding<float> llama_embedding(const LlamaSizes& s) {
  return {s.vocabulary, s.width, /*longest*/ 1, residual::Positions::none};
}

/// The language model. Throws when sizes do not fit each other.
inline Llama llama(const LlamaSizes& s) { return {llama_embedding(s), llama_blocks(s)}; }
