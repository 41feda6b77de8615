#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "residual/kernel/activation.hpp"
#include "residual/layers/attention/rope_scaling.hpp"
#include "residual/layers/attention/scores.hpp"

namespace residual {

/// A model of the hub that cannot be built here; the sentence names all reasons at once.
class HubError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Rotary positions, as config.json describes them.
struct Rope {
  double theta = 10000;      ///< of the frequencies
  RopeScaling scaling = {};  ///< of the frequencies, for sequences longer than those of training
  bool operator==(const Rope&) const = default;
};

/// Where a block's norms stand.
enum class NormOrder {
  pre,     ///< x + f(N(x)): LLaMA, GPT-2
  post,    ///< N(x + f(x)): BERT
  output,  ///< x + N(f(x)): OLMo 2
  peri,    ///< x + N'(f(N(x))): Gemma 2
};
/// What is normed of queries and keys.
enum class QueryKeyNorm {
  none,       ///< nothing
  each_head,  ///< with one gain for all heads: Qwen 3
  all_heads,  ///< together: OLMo 2
};
/// What a model gives.
enum class TextOutput {
  logits,         ///< of the next token
  masked_logits,  ///< of masked tokens: BERT
  hidden_states,  ///< of each token
};

/// What config.json of a published text model comes to, every default filled in.
struct TextConfig {
  std::string family;                      ///< model_type
  std::string architecture;                ///< the class that wrote it
  TextOutput output = TextOutput::logits;  ///< what it gives

  Index vocabulary = 0;                      ///< words
  Index dim = 0;                             ///< width of a token
  Index depth = 0;                           ///< blocks
  Index hidden = 0;                          ///< width of the feed-forward layer inside
  Index longest = 0;                         ///< max_position_embeddings
  Index heads = 0;                           ///< of queries
  Index kv_heads = 0;                        ///< of keys and values
  Index head_dim = 0;                        ///< width of a head
  Activation activation = Activation::silu;  ///< of the feed-forward layer
  bool gated = true;                         ///< whether the feed-forward layer is
  bool qkv_bias = false;                     ///< of queries, keys and values
  bool attn_bias = false;                    ///< of attention's output
  bool ffn_bias = false;                     ///< of the feed-forward layer
  bool causal = true;                        ///< whether a token sees only those before it

  NormOrder order = NormOrder::pre;           ///< where a block's norms stand
  bool layer_norm = false;                    ///< LayerNorm with bias; else RMSNorm
  double epsilon = 1e-6;                      ///< of all norms
  double gain_offset = 0;                     ///< of RMSNorm: 1 where the weight is stored minus 1
  QueryKeyNorm qk_norm = QueryKeyNorm::none;  ///< what is normed of queries and keys

  Scores scores = {};                   ///< how they are scaled and capped
  Index window = 0;                     ///< of windowed blocks
  std::vector<bool> windowed = {};      ///< a block each; empty where no block has a window
  std::optional<Rope> rope = {};        ///< of blocks without a window
  std::optional<Rope> local_rope = {};  ///< of windowed blocks
  Index rotary_width = 0;               ///< entries of a head that turn

  bool scaled_embedding = false;                      ///< by sqrt(dim)
  bool learned_positions = false;                     ///< whether a table of them is added
  Index first_position = 0;                           ///< row of the first: RoBERTa 2
  Index token_types = 0;                              ///< 0: the model has none
  bool embedding_norm = false;                        ///< LayerNorm of the embedding
  bool tied = true;                                   ///< the head, to the embedding
  double logit_softcap = 0;                           ///< 0: none
  Activation head_activation = Activation::gelu_erf;  ///< of the head of masked words
  bool pooler = false;                                ///< tanh of a linear map of each first token
};

}  // namespace residual
