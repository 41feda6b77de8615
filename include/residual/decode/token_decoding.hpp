#pragma once

#include <utility>

#include "residual/decode/decoding.hpp"

namespace residual {

/// The Decoding of a model that takes and gives vectors, made to take tokens and give logits:
///
///     x = embed(w, place) for each token w,   logits = project(y)
///
/// embed(token, place, x) writes a row x [1 x dim] for the token at that place of its sequence, counted from 0;
/// project(y, logits) writes logits [tokens x vocabulary] for y [tokens x dim]. embed sees tokens from 0 to
/// vocabulary - 1 and places below the capacity's `longest` alone, or, where the decoding is endless, any place.
template <DecodingModel M, class Embed, class Project>
class TokenDecoding {
 public:
  using Scalar = typename M::Scalar;
  using S = Scalar;

  /// The decoding must outlive it. Throws when the vocabulary has no token.
  TokenDecoding(Decoding<M>& decoding, Index vocabulary, Embed embed, Project project)
      : decoding_(decoding), vocabulary_(vocabulary), embed_(std::move(embed)), project_(std::move(project)) {
    expect(vocabulary > 0, "TokenDecoding: the vocabulary has ", vocabulary, " tokens, but it must have 1 or more.");
  }

  /// The logits [tokens x vocabulary] of the tokens that sequence i of the batch adds to sequence i. They lie in this
  /// object's memory, until its next step. Throws, before embed is called, when the batch or a token does not fit. When
  /// embed throws nothing has changed; when project throws the sequences have grown.
  In<S> step(const Batch& batch, std::span<const int> tokens) {
    decoding_.expect_fits(batch);
    expect_tokens(batch, tokens);
    x_.resize(batch.tokens(), decoding_.model().output_cols());
    logits_.resize(batch.tokens(), vocabulary_);
    for (Index s = 0; s < batch.sequences(); ++s) {
      for (Index i = 0; i < batch.length(s); ++i) {
        const Index row = batch.begin(s) + i;
        embed_(tokens[std::size_t(row)], decoding_.length(s) + i, Out<S>(x_).rows_from(row, 1));
      }
    }
    const In<S> y = decoding_.step(batch, x_);
    project_(y, Out<S>(logits_));
    return logits_;
  }

  /// Continues with these sequences, see Decoding::reorder.
  void reorder(std::span<const Index> from) { decoding_.reorder(from); }
  /// Throws when there is no room for so many sequences.
  void expect_room(Index sequences) const { decoding_.expect_room(sequences); }

  /// How many sequences there are.
  Index sequences() const { return decoding_.sequences(); }
  /// Tokens that sequence i may still take.
  Index room(Index i) const { return decoding_.room(i); }
  /// How many tokens it knows: the columns of its logits.
  Index vocabulary() const { return vocabulary_; }

 private:
  void expect_tokens(const Batch& batch, std::span<const int> tokens) const {
    expect(batch.tokens() == Index(tokens.size()), "TokenDecoding: tokens has ", tokens.size(),
           " entries, but the batch has ", batch.tokens(), " tokens; give one a token.");
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      expect(tokens[i] >= 0 && tokens[i] < vocabulary_, "TokenDecoding: tokens[", i, "] is ", tokens[i],
             ", but the vocabulary has the tokens 0 to ", vocabulary_ - 1, ".");
    }
  }

  Decoding<M>& decoding_;
  Index vocabulary_;
  Embed embed_;
  Project project_;
  Tokens<S> x_, logits_;
};

}  // namespace residual
