#pragma once

#include "../support/schemes.hpp"
#include "examples.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/masked_language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/model/token_encoder_decoder.hpp"
#include "residual/train/gain.hpp"
#include "residual/train/initialise.hpp"
#include "residual/train/loss.hpp"

namespace study {

using Scheme = residual::AnyScheme<float>;
using Stack = residual::Encoder<Scheme>;
using Causal = residual::LanguageModel<Stack>;
using Masked = residual::MaskedLanguageModel<Stack>;
using Translation = residual::TokenEncoderDecoder<Stack, residual::Decoder<Scheme>>;

inline residual::Sizes sizes_of(const Cell& cell, bool causal) {
  return {.dim = cell.width, .heads = 4, .hidden = 4 * cell.width, .depth = cell.depth, .causal = causal};
}
/// The model of a cell, for a text of so many characters; the task decides the type.
template <class M>
M model_of(const Cell& cell, Index alphabet) {
  const residual::Embedding<float> embedding(alphabet + 1, cell.width, cell.length);
  if constexpr (std::same_as<M, Translation>) {
    const auto encoder_norm = residual::deep_norm_encoder(cell.depth, cell.depth);
    const auto decoder_norm = residual::deep_norm_decoder(cell.depth);
    return residual::token_encoder_decoder(
        residual::encoder_decoder(
            residual::encoder(scheme_of(cell.scheme, cell.width, encoder_norm.alpha), sizes_of(cell, false)),
            residual::decoder(scheme_of(cell.scheme, cell.width, decoder_norm.alpha), sizes_of(cell, true))),
        residual::TokenEnds<float>{.target = embedding});
  } else {
    const Scheme scheme = scheme_of(cell.scheme, cell.width, residual::deep_norm(cell.depth).alpha);
    const Stack stack = residual::encoder(scheme, sizes_of(cell, std::same_as<M, Causal>));
    if constexpr (std::same_as<M, Causal>) return Causal(embedding, stack);
    if constexpr (std::same_as<M, Masked>) return Masked(embedding, stack, residual::WordHead<float>{cell.width});
  }
}
template <class M>
typename M::Input input_of(const Example& e) {
  if constexpr (std::same_as<M, Translation>) {
    return {.batch = e.batch, .tokens = e.tokens, .src_batch = e.src_batch, .src_tokens = e.src_tokens};
  } else {
    return {.batch = e.batch, .tokens = e.tokens};
  }
}

/// How the numbers of a part are drawn, by the cell's `init`.
inline residual::Draw draw_of(const Cell& cell, const residual::Part& part) {
  if (cell.init == "fairseq") return residual::Fairseq()(part);
  if (cell.init == "normal") return residual::Normal{0.02}(part);
  residual::expect(cell.init == "xavier", "The study knows no initialisation ", cell.init, ".");
  return residual::Xavier()(part);
}
/// DeepNorm's own gain for DeepNorm, times the cell's on what writes to the stream.
inline double gain_of(const Cell& cell, const residual::Part& part) {
  const double gain = residual::OutputGain{cell.gain}(part);
  if (cell.scheme != "DeepNorm") return gain;
  double beta = residual::deep_norm(cell.depth).beta;
  if (part.tensor.name.starts_with("encoder.")) beta = residual::deep_norm_encoder(cell.depth, cell.depth).beta;
  if (part.tensor.name.starts_with("decoder.")) beta = residual::deep_norm_decoder(cell.depth).beta;
  return gain * residual::DeepNormGain{beta}(part);
}

/// A model of a cell with its weights, gradient and tape.
template <class M>
class Model {
 public:
  Model(const Cell& cell, const Text& text)
      : cell_(cell),
        text_(text),
        model(model_of<M>(cell, text.alphabet())),
        theta(model),
        gradient(model),
        places_(cell.seed, ~std::uint64_t(0)),
        tape_(model) {
    residual::initialise(
        theta, cell.seed, [&](const residual::Part& part) { return draw_of(cell, part); },
        [&](const residual::Part& part) { return gain_of(cell, part); });
  }

  /// A random batch of the training text.
  Example training() {
    const Windows w = text_.training(cell_.batch, window_length(cell_), [&] { return places_.uniform(); });
    return example_of(cell_, text_.alphabet(), w, places_);
  }
  /// Batches of the cell's size, spread over the held-out text, as one.
  Example held_out(Index batches) const {
    Cell cell = cell_;
    cell.batch *= batches;
    residual::Random random(0, 0);
    return example_of(cell, text_.alphabet(), text_.held_out(cell.batch, window_length(cell)), random);
  }
  /// The loss, and in `gradient` its gradient.
  double pull(const Example& e, residual::Observer<float>* observer = nullptr) {
    tape_.observe(observer);
    const double value = loss(e, tape_);
    gradient.flat().setZero();
    residual::backward(model, theta, tape_, dlogits_, gradient);
    tape_.observe(nullptr);
    return value;
  }
  /// The loss alone.
  double loss(const Example& e, residual::Observer<float>* observer = nullptr) {
    residual::Tape<M> tape(model, residual::Keep::nothing);
    tape.observe(observer);
    return loss(e, tape);
  }
  /// Bytes of parameters, gradient, Adam's moments and the tape.
  double bytes() const { return double(tape_.bytes()) + 16 * double(theta.size()); }

 private:
  double loss(const Example& e, residual::Tape<M>& tape) {
    const auto logits = residual::forward(model, theta, tape, input_of<M>(e));
    dlogits_.resize(logits.rows(), logits.cols());
    return residual::cross_entropy(logits, e.targets, dlogits_);
  }
  const Cell& cell_;
  const Text& text_;

 public:
  const M model;
  residual::Parameters<M> theta, gradient;

 private:
  residual::Random places_;
  residual::Tape<M> tape_;
  residual::Tokens<float> dlogits_;
};

}  // namespace study
