#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "../support/ranks/overlapped_gradient.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/clip.hpp"
#include "residual/train/initialise.hpp"
#include "residual/train/loss.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "sequences.hpp"

/// One rank's copy of the model and its optimizer. All ranks start from the same weights and make the same steps, since
/// each sees the gradient of all sequences. In double, since Adam divides by sqrt(v): where a gradient is 0 but for
/// rounding, as a key's bias, float would follow the rounding of however many ranks there are.
class Replica {
 public:
  Replica(const Options& options, const std::string& text, const Ranks& ranks)
      : options_(options),
        text_(text),
        ranks_(ranks),
        model_(residual::language_model(
            residual::ResiDual<double>(options.width),
            {.dim = options.width, .heads = options.heads, .hidden = 4 * options.width, .depth = options.depth},
            residual::Embedding<double>(256, options.width, options.length))),
        theta_(model_),
        gradient_(model_),
        groups_(residual::ParameterGroups(theta_).freeze(residual::parts::all).rate(options.train, 1)),
        adam_(groups_),
        tape_(model_),
        overlapped_(gradient_, groups_, ranks) {
    residual::initialise(theta_, options.seed);
    if (ranks.count() > 1) tape_.observe(&overlapped_);
  }
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  /// One step on the sequences of all ranks; returns this rank's share of their mean loss.
  double step(Index number) {
    const Share share = deal(text_, options_, number, ranks_);
    options_.failure.expect_none(ranks_, number);
    const double weight = double(share.batch.tokens()) / double(share.all_tokens);
    const auto logits = residual::forward(model_, theta_, tape_, share.batch, share.tokens);
    dlogits_.resize(logits.rows(), logits.cols());
    const double loss = residual::cross_entropy(logits, share.targets, dlogits_);
    dlogits_ *= weight;  // from the mean over this rank's tokens to that over all
    gradient_.flat().setZero();
    residual::backward(model_, theta_, tape_, dlogits_, gradient_);
    if (ranks_.count() > 1) overlapped_.epilogue();
    residual::clip_by_global_norm(gradient_.flat(), options_.max_norm, groups_);
    adam_.step(theta_.flat(), gradient_.flat(), options_.rate);
    return weight * loss;
  }

  auto parameters() const { return theta_.flat(); }
  const residual::ParameterGroups& groups() const { return groups_; }
  /// Whether what is frozen has the bits that it began with.
  bool frozen_kept() const {
    residual::Parameters<Model> expected(model_);
    residual::initialise(expected, options_.seed);
    for (const residual::TrainedRange& range : groups_.ranges()) {
      expected.flat().segment(range.begin, range.size) = theta_.flat().segment(range.begin, range.size);
    }
    return std::memcmp(expected.data(), theta_.data(), sizeof(double) * std::size_t(theta_.size())) == 0;
  }
  /// Of the bits of all parameters and moments.
  std::uint64_t bits() const { return fingerprint(theta_.flat(), adam_.m, adam_.v); }

 private:
  using Model = residual::LanguageModel<residual::Encoder<residual::ResiDual<double>>>;
  const Options& options_;
  const std::string& text_;
  const Ranks& ranks_;
  Model model_;
  residual::Parameters<Model> theta_, gradient_;
  residual::ParameterGroups groups_;
  residual::AdamW<double> adam_;
  residual::Tape<Model> tape_;
  OverlappedGradient<double> overlapped_;
  residual::Tokens<double> dlogits_;
};
