#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "residual/decode/generate.hpp"

namespace residual {

/// How far a beam search looks, and how it ranks texts. The defaults are those of Vaswani et al. 2017 (arXiv:1706.03762).
struct Beams {
  Index width = 4;              ///< hypotheses of a prompt that are followed at once, and texts that it gets at most
  double length_penalty = 0.6;  ///< alpha, any finite number: the larger, the longer the texts; 0: score = log P
  Index shortest = 1;           ///< tokens of a text, the one that ends it counted, before which it does not end
};

/// A text that follows a prompt. Its score is log P / ((5 + n) / 6)^alpha for n tokens, Wu et al. 2016
/// (arXiv:1609.08144).
struct Hypothesis {
  std::vector<int> tokens;     ///< behind the prompt
  double log_probability = 0;  ///< log P
  double score = 0;            ///< what complete texts are ranked by
};

/// The state of a beam search; `beam_search` runs it.
template <NextToken D>
class BeamSearch {
 public:
  using S = typename D::Scalar;

  /// The decoding must outlive it.
  BeamSearch(D& decoding, const Limit& limit, const Beams& beams) : decoding_(decoding), limit_(limit), beams_(beams) {}

  /// For every prompt its best texts, the best first. Throws, before the first step, what `beam_search` throws.
  std::vector<std::vector<Hypothesis>> run(const std::vector<std::vector<int>>& prompts) {
    auto [batch, tokens] = Prompts(decoding_, prompts, limit_);
    expect_beams(Index(prompts.size()));
    complete_.clear();
    complete_.resize(prompts.size());
    live_.clear();
    for (std::size_t i = 0; i < prompts.size(); ++i) live_.push_back({{}, Index(i)});
    while (!live_.empty()) {
      const In<S> logits = decoding_.step(batch, std::span<const int>(tokens));
      expect_end(limit_, logits.cols());
      extend(logits, batch);
      decoding_.reorder(std::span<const Index>(from_));
      batch = Batch::of(std::vector<Index>(from_.size(), 1));
      tokens.clear();
      for (const auto& beam : live_) tokens.push_back(beam.hypothesis.tokens.back());
    }
    for (auto& hypotheses : complete_) {
      std::stable_sort(hypotheses.begin(), hypotheses.end(),
                       [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
      hypotheses.resize(std::min(hypotheses.size(), width()));
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

  void expect_beams(Index prompts) const {
    expect(beams_.width > 0, "Beams: width is ", beams_.width, ", but it must be 1 or more.");
    const double divisor = length_divisor(limit_.tokens);
    expect(std::isfinite(beams_.length_penalty) && std::isfinite(divisor) && divisor > 0, "Beams: length_penalty is ",
           beams_.length_penalty, ", but ((5 + n) / 6)^length_penalty must be a number above 0 for texts of up to ",
           limit_.tokens, " tokens; give a finite one, nearer to 0.");
    expect(beams_.shortest <= limit_.tokens, "Beams: shortest is ", beams_.shortest, ", but the limit is ",
           limit_.tokens, " tokens; give a smaller one.");
    expect(prompts == 0 || beams_.width <= std::numeric_limits<Index>::max() / prompts, "Beams: width is ",
           beams_.width, " for each of ", prompts, " prompts, more than can be counted; give a smaller one.");
    decoding_.expect_room(prompts * beams_.width);
  }
  std::size_t width() const { return std::size_t(beams_.width); }
  double length_divisor(Index n) const { return std::pow((5.0 + double(n)) / 6.0, beams_.length_penalty); }

  /// Completes texts, and replaces the beams of each prompt by its best candidates that go on, from the beams `from_`.
  void extend(In<S> logits, const Batch& batch) {
    std::vector<Beam> next;
    from_.clear();
    for (std::size_t first = 0, end = 0; first < live_.size(); first = end) {
      const Index prompt = live_[first].prompt;
      candidates_.clear();
      for (; end < live_.size() && live_[end].prompt == prompt; ++end) {
        add_candidates(next_logits(logits, batch, Index(end)), end);
      }
      rank_candidates();
      auto& complete = complete_[std::size_t(prompt)];
      for (std::size_t rank = 0; rank < std::min(width(), candidates_.size()); ++rank) {
        if (ends(candidates_[rank])) complete.push_back(longer(candidates_[rank]));
      }
      if (complete.size() >= width()) continue;
      std::size_t places = width();
      for (const Candidate& candidate : candidates_) {
        if (ends(candidate)) continue;
        if (places-- == 0) break;
        next.push_back({longer(candidate), prompt});
        from_.push_back(Index(candidate.beam));
      }
    }
    live_ = std::move(next);
  }

  /// Adds every token that has a probability, but for an end that comes too early, to the beam: none, where it is a dead
  /// end.
  void add_candidates(std::span<const S> logits, std::size_t beam) {
    const std::size_t best = largest_logit(logits);
    if (best == logits.size()) return;
    const double highest = double(logits[best]);
    const auto below = [&](S logit) { return double(logit) == highest ? 0 : double(logit) - highest; };
    double total = 0;
    for (const S logit : logits) {
      if (logit > -std::numeric_limits<S>::infinity()) total += std::exp(below(logit));
    }
    const Hypothesis& hypothesis = live_[beam].hypothesis;
    const double before = hypothesis.log_probability - std::log(total);
    const bool may_end = Index(hypothesis.tokens.size()) + 1 >= beams_.shortest;
    for (std::size_t token = 0; token < logits.size(); ++token) {
      if (int(token) == limit_.end && !may_end) continue;
      const double log_probability = before + below(logits[token]);
      if (log_probability > -std::numeric_limits<double>::infinity())
        candidates_.push_back({log_probability, beam, int(token)});
    }
  }
  /// Keeps the best candidates, the best first: `width` that end and `width` that do not are among the first 2 width,
  /// since each beam ends with one token, or all of them.
  void rank_candidates() {
    const std::size_t count = std::min(2 * width(), candidates_.size());
    std::partial_sort(candidates_.begin(), candidates_.begin() + Index(count), candidates_.end(),
                      [](const Candidate& a, const Candidate& b) {
                        return std::tuple(-a.log_probability, a.beam, a.token) <
                               std::tuple(-b.log_probability, b.beam, b.token);
                      });
    candidates_.resize(count);
  }
  bool ends(const Candidate& candidate) const {
    return candidate.token == limit_.end || length(candidate) == limit_.tokens;
  }
  Index length(const Candidate& candidate) const { return Index(live_[candidate.beam].hypothesis.tokens.size()) + 1; }
  /// The candidate's text.
  Hypothesis longer(const Candidate& candidate) const {
    Hypothesis h{live_[candidate.beam].hypothesis.tokens, candidate.log_probability};
    h.tokens.push_back(candidate.token);
    h.score = h.log_probability / length_divisor(length(candidate));
    return h;
  }

  D& decoding_;
  Limit limit_;
  Beams beams_;
  std::vector<Beam> live_;  ///< of all prompts, in the order of these
  std::vector<Index> from_;
  std::vector<Candidate> candidates_;
  std::vector<std::vector<Hypothesis>> complete_;
};

/// The texts behind each prompt with the highest scores log P / ((5 + n) / 6)^alpha that a search of limited width
/// finds, at most `width`, the best first. As in fairseq (Ott et al. 2019, arXiv:1904.01038), each step ranks all live
/// hypotheses of a prompt with one token more by log P, equals by hypothesis, then by token:
///
///     those of the first `width` that end are complete;  the first `width` that do not end live on
///
/// A text ends with the token `end`, which is no candidate before `shortest` tokens, or at the limit. The search for a prompt stops when `width` texts are complete or
/// nothing lives; if the last step completes more, the highest scores stay. A token whose logit is -infinity or NaN has
/// no probability; a hypothesis without a token that has one is dropped, so a prompt may get fewer texts, or none. With
/// width 1 it finds greedy's text, except where two logits differ by less than the rounding of log P.
///
/// Prompts continue the decoding's sequences, one each; in the end it has none. Throws, before the first step, when a
/// prompt, the limit or an option cannot be, or when there is no room for prompts x width sequences.
template <NextToken D>
std::vector<std::vector<Hypothesis>> beam_search(D& decoding, const std::vector<std::vector<int>>& prompts,
                                                 const Limit& limit, const Beams& beams = {}) {
  return BeamSearch<D>(decoding, limit, beams).run(prompts);
}

}  // namespace residual
