#pragma once

#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>

#include "../support/text.hpp"
#include "options.hpp"
#include "residual/io/checkpoint.hpp"

/// Where the checkpoint of a model is.
inline std::filesystem::path checkpoint_of(const Options& options, const std::string& scheme, std::uint64_t seed) {
  return std::filesystem::path(options.save) / (scheme + '-' + std::to_string(seed) + ".safetensors");
}

/// The checkpoint of one model in the --save folder, SCHEME-SEED.safetensors; without that option it does nothing. It
/// goes with the options and the text that decide about the bits.
class Saved {
 public:
  Saved(const Options& options, const Text& text, const std::string& scheme, std::uint64_t seed)
      : saves_(!options.save.empty()), resumes_(options.resume), file_(checkpoint_of(options, scheme, seed)) {
    state.require("scheme", scheme);
    require("seed", seed), require("depth", options.depth), require("width", options.width);
    require("heads", options.heads), require("steps", options.steps), require("batch", options.batch);
    require("length", options.length), require("rate", options.rate), require("warmup", options.warmup);
    require("gain", options.gain), require("text", text.hash());
  }

  residual::Checkpoint state;

  /// Whether there was a checkpoint to go on from; state now is what it was then.
  bool load() {
    if (!resumes_ || !std::filesystem::exists(file_)) return false;
    state.load(file_);
    return true;
  }
  void save() const {
    if (saves_) state.save(file_);
  }

 private:
  template <class T>
  void require(const std::string& name, T value) {
    std::ostringstream text;
    text.precision(17);
    text << value;
    state.require(name, text.str());
  }

  bool saves_, resumes_;
  std::filesystem::path file_;
};
