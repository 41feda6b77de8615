#pragma once

#include "methods.hpp"
#include "picture_model.hpp"
#include "pictures.hpp"

/// A LLaMA that reads pictures.
using Reader = PictureModel<LlamaBlocks>;

/// One of the base model's sizes, with prompts in every block, and with biases if they are wanted.
inline Reader reader(LlamaSizes sizes, const Options& options, bool bias) {
  sizes.prompts = options.prompts;
  sizes.bias = bias;
  return {{Patches::pixels, sizes.width}, llama_embedding(sizes), llama_blocks(sizes)};
}

/// A way to adapt a reader to pictures and text: begin(base, seed), and which set a picture's step trains; a text's trains
/// the first.
struct JointMethod {
  std::string name;
  double rate;  ///< the highest learning rate
  std::function<std::unique_ptr<Adaptation<Reader>>(const residual::Parameters<Reader>&, std::uint64_t)> begin;
  std::size_t picture_set = 0;
};

/// Everything for both; LLaMA-Adapter V2's few parameters for both; and, as V2 has it, projection and prompts for pictures,
/// and norms, biases and scales for text, so that no number is pulled at by both.
inline std::vector<JointMethod> joint_methods(const LlamaSizes& sizes, const Options& options) {
  using namespace residual;
  using Theta = Parameters<Reader>;
  const auto few = [with_bias = reader(sizes, options, true)](const Theta& base, std::uint64_t seed, bool shared) {
    auto adapted = scaled_and_biased(base, with_bias, seed);
    ParameterGroups of_pictures(base), of_text(base), phi(adapted->phi());
    of_pictures.freeze(parts::all).rate("visual.*", 1).rate("*.adapter_*", 1);
    of_text.freeze(parts::all).rate("*norm*", 1);
    if (shared) {
      adapted->add_set(of_pictures.rate("*norm*", 1), phi);
    } else {
      adapted->add_set(of_text, phi);
      adapted->add_set(of_pictures, phi.freeze(parts::all));
    }
    return adapted;
  };
  return {{"all parameters", options.full_rate, [](const Theta& base, std::uint64_t) { return all_tuned(base); }},
          {"few parameters, shared", options.joint_rate,
           [few](const Theta& base, std::uint64_t seed) { return few(base, seed, true); }},
          {"few parameters, disjoint", options.joint_rate,
           [few](const Theta& base, std::uint64_t seed) { return few(base, seed, false); }, 1}};
}
