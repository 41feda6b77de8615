#pragma once

#include <cstdint>
#include <string>

#include "batches.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/gain.hpp"
#include "residual/train/initialise.hpp"
#include "residual/wiring/admin.hpp"
#include "shape.hpp"

/// DeepNorm's gains, where a side of the model has this scheme.
class DeepNormGains {
 public:
  explicit DeepNormGains(const Shape& shape)
      : encoder_{residual::deep_norm_encoder(shape.encoder_depth, shape.decoder_depth).beta},
        decoder_{residual::deep_norm_decoder(shape.decoder_depth).beta},
        in_encoder_(shape.encoder == "DeepNorm"),
        in_decoder_(shape.decoder == "DeepNorm") {}
  double operator()(const residual::Part& part) const {
    if (in_encoder_ && part.tensor.name.starts_with("encoder.")) return encoder_(part);
    if (in_decoder_ && part.tensor.name.starts_with("decoder.")) return decoder_(part);
    return 1;
  }

 private:
  residual::DeepNormGain encoder_, decoder_;
  bool in_encoder_, in_decoder_;
};

/// Admin's profiling pass, where a side of the model has this scheme.
class AdminStart final : public residual::Observer<float> {
 public:
  AdminStart(const Shape& shape, residual::Parameters<Translator>& theta)
      : profile_(theta.manifest(), theta.data(), stacks(shape)),
        in_encoder_(shape.encoder == "Admin"),
        in_decoder_(shape.decoder == "Admin") {}
  void branch(residual::Site site, residual::In<float> x, residual::In<float> fx) override {
    if (site.is_first()) ++stacks_seen_;
    if (stacks_seen_ == 1 ? in_encoder_ : in_decoder_) profile_.branch(site, x, fx);
  }

 private:
  static std::vector<std::string> stacks(const Shape& shape) {
    std::vector<std::string> names;
    if (shape.encoder == "Admin") names.push_back("encoder.");
    if (shape.decoder == "Admin") names.push_back("decoder.");
    return names;
  }

  residual::AdminProfile<float> profile_;
  bool in_encoder_, in_decoder_;
  int stacks_seen_ = 0;
};

/// The weights that training begins with: by fairseq's rule or Xavier's, then as the schemes want them. `first` are
/// sentences of the training text.
inline void start(const Translator& model, const Shape& shape, const std::string& rule, std::uint64_t seed,
                  const Sentences& first, residual::Parameters<Translator>& theta) {
  const DeepNormGains gains(shape);
  if (rule == "fairseq") residual::initialise(theta, seed, residual::Fairseq(), gains);
  if (rule == "Xavier") residual::initialise(theta, seed, residual::Xavier(), gains);
  AdminStart admin(shape, theta);
  residual::Tape tape(model, residual::Keep::nothing);
  tape.observe(&admin);
  residual::forward(
      model, theta, tape,
      {.batch = first.batch, .tokens = first.tokens, .src_batch = first.source_batch, .src_tokens = first.source});
}
