#pragma once

#include "residual/decode/decoding.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/randomise.hpp"

namespace test_support {

using namespace residual;
using Text = std::vector<int>;
using Model = LanguageModel<Encoder<PreLN<double>>>;

inline constexpr Sizes language_sizes{.dim = 6, .heads = 2, .hidden = 9, .depth = 2, .causal = true};

/// A language model with random weights, and what a full pass says about a text.
struct Language {
  Model model;
  Parameters<Model> theta;
  Tape<Model> tape;
  Decoding<Model> decoding;

  Language(std::uint64_t seed, Index words, Index sequences = 1, Index longest = 30)
      : model(language_model(PreLN<double>(6), language_sizes, Embedding<double>(words, 6, longest))),
        theta(model),
        tape(model, Keep::nothing),
        decoding((randomise(theta, seed), model), theta, {.sequences = sequences, .longest = longest}) {
    decoding.start(1);
  }

  Row<double> next_logits(const Text& text) {
    return tape.forward(model, theta, {.batch = Batch::of({Index(text.size())}), .tokens = text}).bottomRows(1);
  }
  double log_probability(const Text& prompt, const Text& text) {
    double total = 0;
    Text all = prompt;
    for (const int token : text) {
      const Row<double> logits = next_logits(all);
      total += logits[token] - std::log(logits.array().exp().sum());
      all.push_back(token);
    }
    return total;
  }
};

}  // namespace test_support
