#pragma once

#include <algorithm>
#include <cmath>

#include "residual/decode/generate.hpp"
#include "residual/layers/dropout.hpp"

namespace residual {

/// How tokens are drawn: from softmax(logits / temperature), of which the `top_k` most likely tokens are kept (0: all) and
/// of these the fewest that hold `top_p` of their probability (nucleus sampling, Holtzman et al. 2019, arXiv:1904.09751).
struct Sampling {
  double temperature = 1;  ///< of the softmax; any number above 0
  Index top_k = 0;         ///< tokens kept; 0: all
  double top_p = 1;        ///< probability kept; 1: all
  std::uint64_t seed = 0;  ///< of the random numbers
};

/// Draws tokens. What is drawn depends on the logits, the seed, the sequence's number and the place alone.
class Sampler {
 public:
  /// Throws unless 0 < temperature < infinity, top_k >= 0 and 0 < top_p <= 1.
  explicit Sampler(const Sampling& sampling) : sampling_(sampling) {
    expect(sampling.temperature > 0 && std::isfinite(sampling.temperature), "Sampling: temperature is ",
           sampling.temperature,
           ", but it must be a number greater than 0; greedy() always takes the most likely token.");
    expect(sampling.top_k >= 0, "Sampling: top_k is ", sampling.top_k, ", but it must be 0 (all tokens) or more.");
    expect(sampling.top_p > 0 && sampling.top_p <= 1, "Sampling: top_p is ", sampling.top_p,
           ", but it must be greater than 0 and at most 1 (all tokens).");
  }

  /// The token of that sequence at that place. A NaN logit has no probability. Throws when no logit is above -infinity.
  template <class S>
  int operator()(std::span<const S> logits, Index sequence, Index place) {
    const double highest = double(logits[std::size_t(most_likely(logits))]);
    candidates_.clear();
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (logits[i] > -std::numeric_limits<S>::infinity()) candidates_.push_back({double(logits[i]), 0, int(i)});
    }
    const bool all = sampling_.top_k == 0 && sampling_.top_p == 1;
    if (!all) keep_most_likely();
    double total = 0;
    for (auto& c : candidates_) total += c.weight = weight(c.logit, highest);
    if (sampling_.top_p < 1) total = keep_nucleus(sampling_.top_p * total);
    double rest = uniform(sequence, place) * total;
    for (const auto& c : candidates_) {
      if (rest < c.weight) return c.token;
      rest -= c.weight;
    }
    return most_likely(logits);  // rounding left a rest
  }

 private:
  struct Candidate {
    double logit, weight;
    int token;
  };

  double weight(double logit, double highest) const {
    return logit == highest ? 1 : std::exp((logit - highest) / sampling_.temperature);
  }
  /// The top_k candidates, the most likely first.
  void keep_most_likely() {
    const auto size = Index(candidates_.size());
    const Index kept = sampling_.top_k == 0 ? size : std::min(sampling_.top_k, size);
    std::partial_sort(candidates_.begin(), candidates_.begin() + kept, candidates_.end(),
                      [](const Candidate& a, const Candidate& b) {
                        return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
                      });
    candidates_.resize(std::size_t(kept));
  }
  /// The first candidates that weigh `wanted` together; returns what they weigh.
  double keep_nucleus(double wanted) {
    double total = 0;
    std::size_t kept = 0;
    while (kept < candidates_.size() && total < wanted) total += candidates_[kept++].weight;
    candidates_.resize(kept);
    return total;
  }
  /// In (0, 1), an odd multiple of 2^-53.
  double uniform(Index sequence, Index place) const {
    const auto words = philox({std::uint32_t(place), std::uint32_t(sequence), 0, 0},
                              {std::uint32_t(sampling_.seed), std::uint32_t(sampling_.seed >> 32)});
    const std::uint64_t bits = std::uint64_t{words[0]} << 32 | words[1];
    return (double(bits >> 12) + 0.5) * 0x1p-52;
  }

  Sampling sampling_;
  std::vector<Candidate> candidates_;
};

/// A random token each time.
template <NextToken D>
std::vector<std::vector<int>> sample(D& decoding, const std::vector<std::vector<int>>& prompts, const Limit& limit,
                                     const Sampling& sampling = {}) {
  return generate(decoding, prompts, limit, Sampler(sampling));
}

}  // namespace residual
