#pragma once

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "residual/model/generate.hpp"

namespace residual {

/// The defaults are those of Vaswani et al. 2017 (arXiv:1706.03762).
struct Beams {
  Index width = 4;              ///< hypotheses that are followed at once
  double length_penalty = 0.6;  ///< alpha; 0: the score is the log-probability
};

/// A text that follows a prompt. Its score is log P / ((5 + n) / 6)^alpha for n tokens, Wu et al. 2016
/// (arXiv:1609.08144).
struct Hypothesis {
  std::vector<int> tokens;
  double log_probability = 0;  ///< log P
  double score = 0;            ///< what beams are ranked by
};

/// The state of a beam search; `beam_search` runs it.
template <NextToken D>
class BeamSearch {
 public:
  using S = typename D::Scalar;

  /// The decoding must outlive it. Throws when the width is less than 1.
  BeamSearch(D& decoding, const Limit& limit, const Beams& beams) : decoding_(decoding), limit_(limit), beams_(beams) {
    expect(beams.width > 0, "Beams: width is ", beams.width, ", but it must be 1 or more.");
  }

  /// For every prompt its best texts, the best first.
  std::vector<std::vector<Hypothesis>> run(const std::vector<std::vector<int>>& prompts) {
    auto [batch, tokens] = Prompts(decoding_, prompts, limit_);
    decoding_.expect_room(Index(prompts.size()) * beams_.width);
    complete_.resize(prompts.size());
    for (std::size_t i = 0; i < prompts.size(); ++i) live_.push_back({{}, Index(i)});
    while (!live_.empty()) {
      const In<S> logits = decoding_.step(batch, std::span<const int>(tokens));
      extend(logits, batch);
      decoding_.reorder(std::span<const Index>(from_));
      batch = Batch::of(std::vector<Index>(from_.size(), 1));
      tokens.clear();
      for (const auto& beam : live_) tokens.push_back(beam.hypothesis.tokens.back());
    }
    for (auto& hypotheses : complete_) {
      std::stable_sort(hypotheses.begin(), hypotheses.end(),
                       [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
    }
    return std::move(complete_);
  }

 private:
  /// Sequence k of the decoding: a hypothesis that goes on.
  struct Beam {
    Hypothesis hypothesis;
    Index prompt;
  };
  /// A beam with one token more.
  struct Candidate {
    double log_probability;
    std::size_t beam;
    int token;
  };

  /// Replaces the beams of each prompt by its best candidates, from the beams `from_`. What is complete leaves its place
  /// for good, so that the search narrows.
  void extend(In<S> logits, const Batch& batch) {
    std::vector<Beam> next;
    from_.clear();
    for (std::size_t first = 0, end = 0; first < live_.size(); first = end) {
      const Index prompt = live_[first].prompt;
      candidates_.clear();
      for (; end < live_.size() && live_[end].prompt == prompt; ++end) {
        add_candidates(next_logits(logits, batch, Index(end)), end);
      }
      auto& complete = complete_[std::size_t(prompt)];
      keep_best(std::size_t(beams_.width) - complete.size());
      for (const auto& [log_probability, beam, token] : candidates_) {
        Hypothesis h{live_[beam].hypothesis.tokens, log_probability};
        h.tokens.push_back(token);
        const auto n = Index(h.tokens.size());
        h.score = log_probability / std::pow((5.0 + double(n)) / 6.0, beams_.length_penalty);
        if (token == limit_.end || n == limit_.tokens) {
          complete.push_back(std::move(h));
        } else {
          next.push_back({std::move(h), prompt});
          from_.push_back(Index(beam));
        }
      }
    }
    live_ = std::move(next);
  }

  /// Adds every token that has a probability to the beam.
  void add_candidates(std::span<const S> logits, std::size_t beam) {
    const double highest = double(logits[std::size_t(most_likely(logits))]);
    const auto below = [&](S logit) { return double(logit) == highest ? 0 : double(logit) - highest; };
    double total = 0;
    for (const S logit : logits) {
      if (logit > -std::numeric_limits<S>::infinity()) total += std::exp(below(logit));
    }
    const double before = live_[beam].hypothesis.log_probability - std::log(total);
    for (std::size_t token = 0; token < logits.size(); ++token) {
      const double log_probability = before + below(logits[token]);
      if (log_probability > -std::numeric_limits<double>::infinity())
        candidates_.push_back({log_probability, beam, int(token)});
    }
  }
  void keep_best(std::size_t count) {
    count = std::min(count, candidates_.size());
    std::partial_sort(candidates_.begin(), candidates_.begin() + Index(count), candidates_.end(),
                      [](const Candidate& a, const Candidate& b) {
                        return std::tuple(-a.log_probability, a.beam, a.token) <
                               std::tuple(-b.log_probability, b.beam, b.token);
                      });
    candidates_.resize(count);
  }

  D& decoding_;
  Limit limit_;
  Beams beams_;
  std::vector<Beam> live_;  ///< of all prompts, in the order of these
  std::vector<Index> from_;
  std::vector<Candidate> candidates_;
  std::vector<std::vector<Hypothesis>> complete_;
};

/// The texts with the highest scores that a search of limited width finds behind each prompt, at most `width`, the best
/// first. The decoding needs room for prompts x width sequences; prompts continue its sequences, one each, and in the
/// end it has none.
template <NextToken D>
std::vector<std::vector<Hypothesis>> beam_search(D& decoding, const std::vector<std::vector<int>>& prompts,
                                                 const Limit& limit, const Beams& beams = {}) {
  return BeamSearch<D>(decoding, limit, beams).run(prompts);
}

}  // namespace residual
