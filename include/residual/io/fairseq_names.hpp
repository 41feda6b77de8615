#pragma once

#include "residual/io/name_map.hpp"

namespace residual {

/// What fairseq's TransformerModel calls the tensors of an Encoder, an EncoderDecoder or a LanguageModel, and so what the
/// ResiDual authors' code calls them:
///
///     in_proj -> q_proj, k_proj, v_proj    norm1 -> self_attn_layer_norm           linear1, linear2 -> fc1, fc2
///     multihead_attn -> encoder_attn       norm2 -> final_layer_norm, in a decoder with cross-attention
///     norm -> layer_norm                            encoder_attn_layer_norm, and norm3 -> final_layer_norm
///
/// A whole model's file also holds embeddings; name those that your model does not have in `ignored`.
inline NameMap fairseq_names() {
  NameMap names;
  for (const char* ours : {"self_attn", "multihead_attn"}) {
    const std::string in = std::string("*.") + ours, out = ours[0] == 's' ? in : "*.encoder_attn";
    names.rules.push_back({in + ".in_proj_*", {out + ".q_proj.*", out + ".k_proj.*", out + ".v_proj.*"}});
    names.rules.push_back({in + ".out_proj.*", {out + ".out_proj.*"}});
  }
  const std::vector<NameRule> others = {{"*.linear1.*", {"*.fc1.*"}},
                                        {"*.linear2.*", {"*.fc2.*"}},
                                        {"*.norm1.*", {"*.self_attn_layer_norm.*"}},
                                        {"decoder.*.norm2.*", {"decoder.*.encoder_attn_layer_norm.*"}},
                                        {"*.norm2.*", {"*.final_layer_norm.*"}},
                                        {"*.norm3.*", {"*.final_layer_norm.*"}},
                                        {"norm.*", {"layer_norm.*"}},
                                        {"*.norm.*", {"*.layer_norm.*"}}};
  names.rules.insert(names.rules.end(), others.begin(), others.end());
  names.ignored = {"*version", "*embed_positions._float_tensor"};  // what fairseq stores beside the weights
  return names;
}

/// fairseq's names of a Decoder alone, whose second norm is that of the cross-attention.
inline NameMap fairseq_decoder_names() {
  NameMap names = fairseq_names();
  names.rules.insert(names.rules.begin(), {"layers.*.norm2.*", {"layers.*.encoder_attn_layer_norm.*"}});
  return names;
}

/// fairseq's names of a TokenEncoderDecoder. A file of tied weights holds them once for each place where they stand: as the
/// decoder's embedding they are read, as the encoder's and as the projection ignored.
inline NameMap fairseq_translation_names() {
  NameMap names = fairseq_names();
  names.rules.insert(names.rules.begin(), {{"embed_tokens.*", {"decoder.embed_tokens.*"}},
                                           {"output_projection.*", {"decoder.output_projection.*"}}});
  names.ignored.insert(names.ignored.end(), {"encoder.embed_tokens.weight", "decoder.output_projection.weight"});
  return names;
}

}  // namespace residual
