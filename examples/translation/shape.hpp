#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "../support/schemes.hpp"
#include "residual/model/token_encoder_decoder.hpp"
#include "residual/train/gain.hpp"

using residual::Index;

/// What decides which tensors a model has and what it computes with them.
struct Shape {
  std::string encoder = "ResiDual", decoder = "ResiDual";  ///< the schemes
  Index encoder_depth = 6, decoder_depth = 6;
  Index width = 256, heads = 4, hidden = 1024;
  Index vocabulary = 8000;
};

/// Visits each field with its name.
template <class S, class F>
void each_field(S& shape, F&& f) {
  f("encoder", shape.encoder), f("decoder", shape.decoder);
  f("encoder_depth", shape.encoder_depth), f("decoder_depth", shape.decoder_depth);
  f("width", shape.width), f("heads", shape.heads), f("hidden", shape.hidden), f("vocabulary", shape.vocabulary);
}
inline nlohmann::json to_json(const Shape& shape) {
  nlohmann::json json;
  each_field(shape, [&](const char* name, const auto& value) { json[name] = value; });
  return json;
}
/// The shape in such a text; throws when it is another text.
inline Shape shape_from(const std::string& text) {
  Shape shape;
  try {
    const auto json = nlohmann::json::parse(text);
    each_field(shape, [&](const char* name, auto& value) { json.at(name).get_to(value); });
  } catch (const nlohmann::json::exception&) {
    throw std::invalid_argument("The text is no shape of a model.");
  }
  return shape;
}

/// The rates of dropout in training.
struct DropoutRates {
  double residual = 0.3, attention = 0.1, activation = 0.1;
};

/// A model whose schemes are chosen at run time.
using Translator = residual::TokenEncoderDecoder<residual::Encoder<residual::AnyScheme<float>>,
                                                 residual::Decoder<residual::AnyScheme<float>>>;

/// The model of that shape for sentences of up to `longest` tokens, which change no parameter, since the positions are
/// sinusoids. One embedding serves both sides and the projection. Throws when the shape cannot be.
inline Translator translator(const Shape& shape, Index longest, const DropoutRates& rates = {0, 0, 0}) {
  const residual::Sizes sizes{.dim = shape.width,
                              .heads = shape.heads,
                              .hidden = shape.hidden,
                              .depth = shape.encoder_depth,
                              .dropout = rates.residual,
                              .attention_dropout = rates.attention,
                              .activation_dropout = rates.activation};
  auto target_sizes = sizes;
  target_sizes.depth = shape.decoder_depth;
  target_sizes.causal = true;
  residual::Embedding<float> embedding(shape.vocabulary, shape.width, longest);
  embedding.dropout = rates.residual;
  const double encoder_alpha = residual::deep_norm_encoder(shape.encoder_depth, shape.decoder_depth).alpha;
  const double decoder_alpha = residual::deep_norm_decoder(shape.decoder_depth).alpha;
  return residual::token_encoder_decoder(
      residual::encoder_decoder(residual::encoder(scheme_of(shape.encoder, shape.width, encoder_alpha), sizes),
                                residual::decoder(scheme_of(shape.decoder, shape.width, decoder_alpha), target_sizes)),
      {.target = embedding});
}
