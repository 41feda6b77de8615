#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <string>

#include "../support/drawn_pictures.hpp"
#include "../support/fashion_mnist.hpp"
#include "options.hpp"
#include "pixels.hpp"
#include "residual/core/selection.hpp"

/// What a model is trained on and tested with.
struct Branch {
  std::string name;
  std::function<Windows(residual::Random&)> training;  ///< gives the sequences of a step
  Windows held_out;
};

/// The two branches whose models are merged.
struct Branches {
  std::array<Branch, 2> each;
  Index vocabulary;            ///< of both
  residual::Selection merged;  ///< what of two models is merged; of the rest each keeps its own
};

/// Sequences of a text.
inline Branch text_branch(const std::string& name, const Text& text, const Options& options) {
  const auto training = [text, options](residual::Random& random) {
    return text.training(options.batch, options.length, [&] { return random.uniform(); });
  };
  return {name, training, text.held_out(4 * options.batch, options.length)};
}

/// Pixels of pictures, whose levels are the tokens from `first` on.
inline Branch picture_branch(const PictureSource& source, Index first, const Options& options) {
  const auto training = [=](residual::Random& random) {
    return Pixels::windows(source.training, options.batch, options.length, first, random);
  };
  residual::Random tested(0, 0);
  return {source.name, training, Pixels::windows(source.held_out, 4 * options.batch, options.length, first, tested)};
}

/// Code, and prose or pictures. Models of two texts are merged as they are; of text and pictures, whose tokens differ, the
/// blocks alone, as in Sung et al. 2023 (arXiv:2304.14933).
inline Branches branches(const Options& options) {
  const std::filesystem::path source = RESIDUAL_SOURCE_DIR;
  const Text code(options.code.empty() ? files_below(source / "include", ".hpp", "--code") : options.code);
  const Branch first = text_branch("code", code, options);
  if (options.second == "prose") {
    const Text prose(options.prose.empty() ? files_below(source / "docs", ".md", "--prose") : options.prose, code);
    return {{first, text_branch("prose", prose, options)}, prose.alphabet(), residual::parts::all};
  }
  const PictureSource pictures = options.fashion.empty() ? drawn_pictures() : fashion_mnist(options.fashion);
  return {{first, picture_branch(pictures, code.alphabet(), options)}, code.alphabet() + Pixels::levels, "layers.*"};
}
