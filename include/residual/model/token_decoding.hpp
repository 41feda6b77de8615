#pragma once

#include <utility>

#include "residual/model/decoding.hpp"

namespace residual {

/// The Decoding of a model that takes and gives vectors, made to take tokens and give logits:
///
///     x = embed(w, place) for each token w,   logits = project(y)
///
/// embed(token, place, x) writes a row x [1 x dim] for the token at that place of its sequence, counted from 0;
/// project(y, logits) writes logits [tokens x vocabulary] for y [tokens x dim].
template <DecodingModel M, class Embed, class Project>
class TokenDecoding {
 public:
  using Scalar = typename M::Scalar;
  using S = Scalar;

  /// The decoding must outlive it.
  TokenDecoding(Decoding<M>& decoding, Index vocabulary, Embed embed, Project project)
      : decoding_(decoding), vocabulary_(vocabulary), embed_(std::move(embed)), project_(std::move(project)) {}

  /// As Decoding::step; logits [tokens x vocabulary].
  In<S> step(const Batch& batch, std::span<const int> tokens) {
    expect(batch.sequences() == sequences(), "TokenDecoding: the step's batch has ", batch.sequences(),
           " sequences, but ", sequences(), " were started; give one length for each, 0 where no token is added.");
    expect(batch.tokens() == Index(tokens.size()), "TokenDecoding: tokens has ", tokens.size(),
           " entries, but the batch has ", batch.tokens(), " tokens; give one a token.");
    x_.resize(batch.tokens(), decoding_.model().output_cols());
    for (Index s = 0; s < batch.sequences(); ++s) {
      for (Index i = 0; i < batch.length(s); ++i) {
        const Index row = batch.begin(s) + i;
        embed_(tokens[std::size_t(row)], decoding_.length(s) + i, Out<S>(x_).rows_from(row, 1));
      }
    }
    const In<S> y = decoding_.step(batch, x_);
    logits_.resize(batch.tokens(), vocabulary_);
    project_(y, Out<S>(logits_));
    return logits_;
  }

  /// Continues with these sequences, see Decoding::reorder.
  void reorder(std::span<const Index> from) { decoding_.reorder(from); }
  Index sequences() const { return decoding_.sequences(); }
  /// Tokens that sequence i may still take.
  /// Throws when there is no room for so many sequences.
  void expect_room(Index sequences) const { decoding_.expect_room(sequences); }
  Index room(Index i) const { return decoding_.room(i); }

 private:
  Decoding<M>& decoding_;
  Index vocabulary_;
  Embed embed_;
  Project project_;
  Tokens<S> x_, logits_;
};

}  // namespace residual
