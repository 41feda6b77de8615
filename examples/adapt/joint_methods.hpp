#pragma once

#include "../support/pictures.hpp"
#include "early_fusion.hpp"
#include "methods.hpp"
#include "picture_model.hpp"

/// LLaMA's blocks, of which the early ones alone may read pictures.
using ReaderBlocks = residual::Stack<residual::PreLN<float, residual::RMSNorm<float>>, EarlyFusion<LlamaAttention>,
                                     residual::GatedFeedForward<float>>;
/// A LLaMA that reads pictures.
using Reader = PictureModel<ReaderBlocks>;

/// One of the base model's sizes, whose first `early` blocks read pictures, with prompts in every block, and with biases if
/// they are wanted.
inline Reader reader(LlamaSizes sizes, const Options& options, Index early, bool bias) {
  sizes.prompts = options.prompts;
  sizes.bias = bias;
  const LlamaBlocks blocks = llama_blocks(sizes);
  const auto& [attention, ffn] = blocks.sublayers;
  return {{Patches::pixels, sizes.width},
          llama_embedding(sizes),
          ReaderBlocks{blocks.wiring, {EarlyFusion<LlamaAttention>{attention, early}, ffn}, blocks.depth}};
}

/// A way to adapt a reader to pictures and text: begin(base, seed), and which set a picture's step trains; a text's trains
/// the first.
struct JointMethod {
  std::string name;
  Index early;  ///< blocks that read pictures
  double rate;  ///< the highest learning rate
  std::function<std::unique_ptr<Adaptation<Reader>>(const residual::Parameters<Reader>&, std::uint64_t)> begin;
  std::size_t picture_set = 0;
};

/// LLaMA-Adapter V2's few parameters, all of them for pictures and text.
inline std::unique_ptr<Adaptation<Reader>> few_shared(const residual::Parameters<Reader>& base, const Reader& with_bias,
                                                      std::uint64_t seed) {
  using namespace residual;
  auto adapted = scaled_and_biased(base, with_bias, seed);
  ParameterGroups few(base);
  few.freeze(parts::all).rate("visual.*", 1).rate("*.adapter_*", 1).rate("*norm*", 1);
  adapted->add_set(few, ParameterGroups(adapted->phi()));
  return adapted;
}
/// The same, as V2 has it, in two groups that nothing is in both of: for text norms, biases, scales and the prompts of blocks
/// that read no pictures, for pictures their projection and the other prompts.
inline std::unique_ptr<Adaptation<Reader>> few_disjoint(const residual::Parameters<Reader>& base,
                                                        const Reader& with_bias, std::uint64_t seed) {
  using namespace residual;
  auto adapted = scaled_and_biased(base, with_bias, seed);
  ParameterGroups of_pictures(base), of_text(base), phi(adapted->phi());
  of_pictures.freeze(parts::all).rate("visual.*", 1);
  of_text.freeze(parts::all).rate("*norm*", 1);
  for (Index block = 0; block < with_bias.stack.depth; ++block) {
    const bool reads_them = block < std::get<0>(with_bias.stack.sublayers).early;
    (reads_them ? of_pictures : of_text).rate("layers." + std::to_string(block) + ".*adapter_*", 1);
  }
  adapted->add_set(of_text, phi);
  adapted->add_set(of_pictures, phi.freeze(parts::all));
  return adapted;
}

/// Everything for both; and few parameters, shared and disjoint, once with pictures in all blocks and once, V2's early
/// fusion, in the early ones.
inline std::vector<JointMethod> joint_methods(const LlamaSizes& sizes, const Options& options) {
  using Theta = residual::Parameters<Reader>;
  std::vector<JointMethod> methods{{"all parameters", sizes.depth, options.full_rate,
                                    [](const Theta& base, std::uint64_t) { return all_tuned(base); }}};
  for (const Index early : {sizes.depth, options.early_blocks}) {
    const std::string few = early < sizes.depth ? "few, early fusion, " : "few, ";
    const Reader with_bias = reader(sizes, options, early, true);
    methods.push_back({few + "shared", early, options.joint_rate,
                       [=](const Theta& base, std::uint64_t seed) { return few_shared(base, with_bias, seed); }});
    methods.push_back({few + "disjoint", early, options.joint_rate,
                       [=](const Theta& base, std::uint64_t seed) { return few_disjoint(base, with_bias, seed); }, 1});
  }
  return methods;
}
