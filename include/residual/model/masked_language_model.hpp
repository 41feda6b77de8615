#pragma once

#include "residual/layers/word_head.hpp"
#include "residual/model/token_stack.hpp"

namespace residual {

/// A model of masked words, BERT's: logits = E^T head(stack(embedding(tokens))) + b, tied to the embedding.
template <class Blocks>
struct MaskedLanguageModel : TokenStack<Blocks> {
  using Base = TokenStack<Blocks>;
  using Scalar = typename Blocks::Scalar;
  using S = Scalar;
  using Input = typename Base::Input;
  using Gradient = typename Base::Gradient;
  using Base::check;
  using Base::embedding;
  using Base::stack;
  static_assert(!Blocks::reads_memory,
                "A MaskedLanguageModel has no memory for cross-attention: make its stack with encoder(...).");
  WordHead<S> head;  ///< in front of the output projection

  /// Throws std::invalid_argument unless all are right and equally wide.
  MaskedLanguageModel(Embedding<S> e, Blocks blocks, const WordHead<S>& word_head)
      : Base(std::move(e), std::move(blocks)), head(word_head) {
    check();
  }
  bool operator==(const MaskedLanguageModel&) const = default;
  /// Throws std::invalid_argument unless all are right and equally wide.
  void check() const {
    Base::check_parts("MaskedLanguageModel");
    head.check();
    expect(head.dim == stack.dim(), "MaskedLanguageModel: the head is ", head.dim, " wide, the stack ", stack.dim(),
           "; give both the same width.");
  }

  /// The parameters of the embedding, of the stack, of the head and the bias of the logits.
  struct Params : Base::Params {
    typename WordHead<S>::Params head;
    RowView<S> bias;
    void carve(Carver<S>& c, const MaskedLanguageModel& model) {
      Base::Params::carve(c, model);
      c("lm_head.transform.", head, model.head);
      c.bias("lm_head.bias", bias, model.embedding.vocabulary, model.embedding.dim);
    }
  };
  /// What they keep for backward, and the head's output.
  struct Tape : Base::Tape {
    typename WordHead<S>::Tape head;
    TokensView<S> u;
    void carve(Carver<S>& c, const MaskedLanguageModel& model, const Input& input, const Call<S>& call) {
      Base::Tape::carve(c, model, input, call);
      c("", head, model.head, model.embedding_pass(input, call));
      c("u", u, input.batch.tokens(), model.stack.dim());
    }
  };

  /// Rows of the logits: the tokens.
  Index output_rows(const Input& input) const { return input.batch.tokens(); }
  /// Columns of the logits: the vocabulary.
  Index output_cols() const { return embedding.vocabulary; }

  /// y [tokens x vocabulary]: row i holds the logits of the word that stands, or stood, in place i.
  void forward(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> y) const {
    const auto pass = Base::embedding_pass(input, call);
    Base::run(p, t, input, call, t.y);
    head.forward(p.head, t.head, pass, t.y, t.u);
    embedding.project(p.embedding, pass, t.u, y);
    each_pack_of_rows<S>(call.executor, y.rows(), y.cols(), [&](Index i, Index j, auto n) {
      S* const at = y.row_data(i) + j;
      (Pack<S>::load(at, n) + Pack<S>::load(p.bias.data() + j, n)).store(at, n);
    });
  }
  /// Adds to g the gradient of <y, dy>.
  void backward(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dy, const Gradient&,
                Params& g) const {
    const auto pass = Base::embedding_pass(input, call);
    auto du = call.workspace.zeros(t.u.rows(), t.u.cols()), dhidden = call.workspace.zeros(t.u.rows(), t.u.cols());
    add_column_sums<S>(call.executor, dy, g.bias.data());
    embedding.project_pull(p.embedding, pass, t.u, dy, du, g.embedding);
    head.backward(p.head, t.head, pass, t.y, du, dhidden, g.head);
    Base::pull(p, t, input, call, dhidden, g);
  }
};

/// The deduction of MaskedLanguageModel(embedding, stack, head).
template <class S, class Blocks>
MaskedLanguageModel(Embedding<S>, Blocks, WordHead<S>) -> MaskedLanguageModel<Blocks>;

}  // namespace residual
