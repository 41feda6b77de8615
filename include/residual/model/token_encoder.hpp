#pragma once

#include "residual/layers/pooler.hpp"
#include "residual/model/token_stack.hpp"

namespace residual {

/// A stack of token embeddings whose output is the last hidden states: BERT, and language models without their head.
///
///     y = stack(embedding(tokens)),   with a pooler a row more for each sequence, below:  tanh(y_first W + b)
template <class Blocks>
struct TokenEncoder : TokenStack<Blocks> {
  using Base = TokenStack<Blocks>;
  using Scalar = typename Blocks::Scalar;
  using S = Scalar;
  using Input = typename Base::Input;
  using Gradient = typename Base::Gradient;
  using Base::embedding;
  using Base::stack;
  static_assert(!Blocks::reads_memory,
                "A TokenEncoder has no memory for cross-attention: make its stack with encoder(...).");
  bool pooled;  ///< whether it has a pooler

  /// Throws std::invalid_argument unless both are right and equally wide.
  TokenEncoder(Embedding<S> e, Blocks blocks, bool with_pooler = false)
      : Base(std::move(e), std::move(blocks)), pooled(with_pooler) {
    check();
  }
  bool operator==(const TokenEncoder&) const = default;
  /// Throws std::invalid_argument unless both are right and equally wide.
  void check() const { Base::check_parts("TokenEncoder"); }
  /// Throws unless the input fits.
  void check(const Input& input) const {
    Base::check(input);
    if (pooled) pooler().check(input.batch);
  }
  /// Tokens have no gradient, so nothing can be wrong with it.
  void check(const Input&, const Gradient&) const {}

  /// The parameters of the embedding, of the stack and of the pooler.
  struct Params : Base::Params {
    typename Pooler<S>::Params pooler;
    void carve(Carver<S>& c, const TokenEncoder& model) {
      Base::Params::carve(c, model);
      if (model.pooled) c("pooler.", pooler, model.pooler());
    }
  };
  /// What they keep for backward.
  struct Tape : Base::Tape {
    typename Pooler<S>::Tape pooler;
    void carve(Carver<S>& c, const TokenEncoder& model, const Input& input, const Call<S>& call) {
      Base::Tape::carve(c, model, input, call);
      if (model.pooled) c("", pooler, model.pooler(), model.embedding_pass(input, call));
    }
  };

  /// Rows of y: the tokens and, with a pooler, the sequences.
  Index output_rows(const Input& input) const { return input.batch.tokens() + (pooled ? input.batch.sequences() : 0); }
  /// Columns of y: the width.
  Index output_cols() const { return stack.dim(); }

  /// The hidden states, and the pooled rows below.
  void forward(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> y) const {
    const Index tokens = input.batch.tokens();
    Out<S> hidden = y.rows_from(0, tokens);
    Base::run(p, t, input, call, hidden);
    if (!pooled) return;
    pooler().forward(p.pooler, t.pooler, Base::embedding_pass(input, call), hidden,
                     y.rows_from(tokens, input.batch.sequences()));
  }
  /// Adds to g the gradient of <y, dy>.
  void backward(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dy, const Gradient&,
                Params& g) const {
    const Index tokens = input.batch.tokens();
    auto dhidden = call.workspace.temp(tokens, dy.cols());
    dhidden = dy.rows_from(0, tokens);
    if (pooled) {
      pooler().backward(p.pooler, t.pooler, Base::embedding_pass(input, call),
                        dy.rows_from(tokens, input.batch.sequences()), dhidden, g.pooler);
    }
    Base::pull(p, t, input, call, dhidden, g);
  }

 private:
  Pooler<S> pooler() const { return {stack.dim()}; }
};

/// The deduction of TokenEncoder(embedding, stack).
template <class S, class Blocks>
TokenEncoder(Embedding<S>, Blocks, bool = false) -> TokenEncoder<Blocks>;

}  // namespace residual
