#pragma once

#include <concepts>
#include <limits>
#include <vector>

#include "residual/core/batch.hpp"

namespace residual {

/// What gives the logits of the next token: a Decoding of a language model, or a TokenDecoding. It may have a
/// `vocabulary()`, the columns of its logits.
template <class D>
concept NextToken = requires(D& decoding, const Batch& batch, std::span<const int> tokens,
                             std::span<const Index> from) {
  typename D::Scalar;
  { decoding.sequences() } -> std::convertible_to<Index>;
  { decoding.room(Index()) } -> std::convertible_to<Index>;
  { decoding.step(batch, tokens) } -> std::convertible_to<In<typename D::Scalar>>;
  decoding.expect_room(Index());
  decoding.reorder(from);
};

/// When a text is complete.
struct Limit {
  Index tokens;  ///< at most, the prompt not counted
  int end = -1;  ///< the token that ends a text and is its last; -1: none does
};

/// Throws unless `end` is one of the tokens 0 to vocabulary - 1, or -1.
inline void expect_end(const Limit& limit, Index vocabulary) {
  expect(limit.end >= -1 && limit.end < vocabulary, "Limit: end is ", limit.end,
         ", but the vocabulary has the tokens 0 to ", vocabulary - 1,
         "; give one of these, or -1 when none ends a text.");
}

/// Texts in one batch: how `generate` and `beam_search` read their prompts.
struct Prompts {
  Batch batch;              ///< one sequence a prompt
  std::vector<int> tokens;  ///< of all prompts, one after another

  /// Throws when a prompt is missing or empty, when there is no room for it and what may follow, and when the limit
  /// cannot be.
  template <NextToken D>
  Prompts(const D& decoding, const std::vector<std::vector<int>>& prompts, const Limit& limit) {
    expect(limit.tokens > 0, "Limit: tokens is ", limit.tokens, ", but a text must have room for 1 token or more.");
    expect(limit.end >= -1, "Limit: end is ", limit.end, ", but it must be a token, or -1 when none ends a text.");
    if constexpr (requires { decoding.vocabulary(); }) expect_end(limit, decoding.vocabulary());
    expect(prompts.empty() || decoding.sequences() > 0, "No sequence was started for ",
           counted(prompts.size(), "prompt"), "; call the decoding's start first, with one sequence for each.");
    expect(Index(prompts.size()) == decoding.sequences(), "The decoding has ",
           counted(decoding.sequences(), "sequence"), ", but was given ", counted(prompts.size(), "prompt"),
           "; give one prompt for each sequence.");
    std::vector<Index> lengths;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const Index size = Index(prompts[i].size()), room = decoding.room(Index(i));
      expect(size > 0, "Prompt ", i, " is empty; give it a token that begins a text.");
      expect(limit.tokens - 1 <= room - size, "Prompt ", i, " has ", counted(size, "token"), " and ", limit.tokens,
             " may follow, of which the last is not read, but the decoding has room for ", room,
             "; make it with a larger `longest`, or ask for fewer.");
      lengths.push_back(size);
      for (const int token : prompts[i]) tokens.push_back(token);
    }
    batch = Batch::of(lengths);
  }
};

/// The logits of the token behind sequence i. Throws when the batch has no such sequence, no token of it or other rows than
/// the logits.
template <class S>
std::span<const S> next_logits(In<S> logits, const Batch& batch, Index i) {
  expect(logits.rows() == batch.tokens(), "There are ", logits.rows(), " rows of logits, but the batch has ",
         batch.tokens(), " tokens; give the batch that the step was made with.");
  expect(i >= 0 && i < batch.sequences(), "Sequence ", i, " was asked for, but the batch has ", batch.sequences(),
         ", from 0; give one of these.");
  expect(batch.length(i) > 0, "Sequence ", i, " has no token in this batch, so no logits for what follows it.");
  return {logits.row_data(batch.begin(i) + batch.length(i) - 1), std::size_t(logits.cols())};
}

/// Continues each prompt by the tokens that choose(logits, sequence, place) returns for place = 0, 1, ..., until it is
/// complete. Prompts continue the decoding's sequences, one each. Returns what follows the prompts, of which the decoding
/// has read all but each text's last token: to go on, begin the next prompt with it.
template <NextToken D, class Choose>
std::vector<std::vector<int>> generate(D& decoding, const std::vector<std::vector<int>>& prompts, const Limit& limit,
                                       Choose&& choose) {
  using S = typename D::Scalar;
  auto [batch, tokens] = Prompts(decoding, prompts, limit);
  std::vector<std::vector<int>> texts(prompts.size());
  while (!tokens.empty()) {
    const In<S> logits = decoding.step(batch, std::span<const int>(tokens));
    expect_end(limit, logits.cols());
    tokens.clear();
    std::vector<Index> lengths(texts.size(), 0);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (batch.length(Index(i)) == 0) continue;
      const int token = choose(next_logits(logits, batch, Index(i)), Index(i), Index(texts[i].size()));
      texts[i].push_back(token);
      if (token == limit.end || Index(texts[i].size()) == limit.tokens) continue;
      tokens.push_back(token);
      lengths[i] = 1;
    }
    batch = Batch::of(lengths);
  }
  return texts;
}

/// The index of the largest logit, the first of equals; logits.size() when none is above -infinity. NaN is never the
/// largest.
template <class S>
std::size_t largest_logit(std::span<const S> logits) {
  S highest = -std::numeric_limits<S>::infinity();
  std::size_t token = logits.size();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] > highest)) continue;
    highest = logits[i];
    token = i;
  }
  return token;
}

/// The token with the largest logit, the first of equals. NaN is never the largest. Throws when no logit is above
/// -infinity.
template <class S>
int most_likely(std::span<const S> logits) {
  const std::size_t token = largest_logit(logits);
  expect(token < logits.size(), "No token can follow: no logit of ", logits.size(), " is a number above -infinity.");
  return int(token);
}

/// The most likely token each time.
template <NextToken D>
std::vector<std::vector<int>> greedy(D& decoding, const std::vector<std::vector<int>>& prompts, const Limit& limit) {
  return generate(decoding, prompts, limit, [](const auto& logits, Index, Index) { return most_likely(logits); });
}

}  // namespace residual
