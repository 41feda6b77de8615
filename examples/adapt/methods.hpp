#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../support/adaptation.hpp"
#include "options.hpp"
#include "residual/adapt/scale_bias.hpp"

/// A way to adapt a language model.
struct Method {
  std::string name;
  double rate;  ///< the highest learning rate
  /// Begins to adapt a base model, with what is new drawn from a seed.
  std::function<std::unique_ptr<Adaptation<Llama>>(const residual::Parameters<Llama>& base, std::uint64_t seed)> begin;
};

/// Weights of linear maps inside the blocks.
inline bool weights_of_blocks(const residual::Part& part) {
  return residual::parts::weights(part) && part.tensor.name.starts_with("layers.");
}

/// LLaMA-Adapter V2's biases and scales of all maps inside the blocks. The sets of what is trained are the caller's to add.
template <class M>
auto scaled_and_biased(const residual::Parameters<M>& base, const M& with_bias, std::uint64_t seed) {
  using Adapter = residual::ScaleBias<float>;
  const residual::Parameters<M> adapted(with_bias);
  return std::make_unique<Adapted<M, Adapter>>(base, adapted,
                                               Adapter(residual::AdaptedMaps(base, adapted, weights_of_blocks)), seed);
}

/// The five ways, for base models of these sizes.
inline std::vector<Method> methods(const LlamaSizes& base_sizes, const Options& options) {
  using namespace residual;
  using Theta = Parameters<Llama>;
  LlamaSizes prompted = base_sizes, biased = base_sizes;
  prompted.prompts = options.prompts, prompted.first_prompted = options.first_prompted;
  biased.bias = true;

  const auto with_prompts = [prompted](const Theta& base, std::uint64_t seed, bool gates_at_zero) {
    Theta theta = extended(base, llama(prompted), seed);
    Random random(seed, ~std::uint64_t(0));
    for (const ManifestEntry& tensor : theta.manifest()) {
      if (gates_at_zero || !tensor.name.ends_with("adapter_gate")) continue;
      for (float& gate : theta.flat().segment(tensor.offset, tensor.size())) gate = float(random.normal());
    }
    const auto groups = ParameterGroups(theta).freeze(parts::all).rate("*.adapter_*", 1);
    return std::make_unique<Tuned<Llama>>(std::move(theta), groups);
  };
  return {
      {"all parameters", options.full_rate, [](const Theta& base, std::uint64_t) { return all_tuned(base); }},
      {"LoRA", options.lora_rate,
       [rank = options.rank](const Theta& base, std::uint64_t seed) {
         return low_rank_tuned(base, rank, seed, ParameterGroups(base).freeze(parts::all));
       }},
      {"norms, biases, scales", options.scale_rate,
       [biased](const Theta& base, std::uint64_t seed) {
         auto adapted = scaled_and_biased(base, llama(biased), seed);
         adapted->add_set(ParameterGroups(base).freeze(parts::all).rate("*norm*", 1), ParameterGroups(adapted->phi()));
         return adapted;
       }},
      {"prompts, zero gates", options.prompt_rate,
       [=](const Theta& base, std::uint64_t seed) { return with_prompts(base, seed, true); }},
      {"prompts, random gates", options.prompt_rate,
       [=](const Theta& base, std::uint64_t seed) { return with_prompts(base, seed, false); }},
  };
}
