#pragma once

#include "residual/layers/embedding.hpp"
#include "residual/model/capacity.hpp"
#include "residual/model/encoder.hpp"

namespace residual {

/// A causal language model: logits = E^T stack(embedding(tokens)), the output projection tied to the embedding.
template <class Blocks>
struct LanguageModel {
  using Scalar = typename Blocks::Scalar;
  using S = Scalar;
  static_assert(!Blocks::reads_memory,
                "A LanguageModel has no memory for cross-attention: make its stack with encoder(...).");
  Embedding<S> embedding;  ///< of the tokens, and the output projection tied to it
  Blocks stack;            ///< causal blocks

  /// Throws std::invalid_argument unless both are right, equally wide, and the stack is causal.
  LanguageModel(Embedding<S> e, Blocks blocks) : embedding(std::move(e)), stack(std::move(blocks)) { check(); }
  bool operator==(const LanguageModel&) const = default;
  /// Throws std::invalid_argument unless both are right, equally wide, and the stack is causal.
  void check() const {
    embedding.check();
    stack.check();
    expect(embedding.dim == stack.dim(), "LanguageModel: the embedding is ", embedding.dim, " wide, the stack ",
           stack.dim(), "; give both the same width.");
    expect(stack.causal(),
           "LanguageModel: its stack is not causal, so a token would see the one it is to predict; make it "
           "with .causal = true.");
  }

  /// What the windows show must stay as it is until backward has run.
  struct Input {
    Batch batch;                             ///< the sequences
    std::span<const int> tokens;             ///< one a token of the batch, from 0
    Mask<S> attn_mask = {};                  ///< of self-attention
    std::optional<std::uint64_t> seed = {};  ///< of dropout; without one nothing is dropped
    std::span<const Index> positions = {};   ///< each token's place, as after padding at the left; empty: 0, 1, 2, ...
  };
  /// Tokens have no gradient.
  struct Gradient {};

  /// The parameters of the embedding and of the stack.
  struct Params {
    typename Embedding<S>::Params embedding;
    typename Blocks::Params stack;
    void carve(Carver<S>& c, const LanguageModel& model) {
      c("", embedding, model.embedding);
      c("", stack, model.stack);
    }
  };
  /// What the stack keeps for backward, its input and its output.
  struct Tape {
    TokensView<S> x;  ///< the embedding
    TokensView<S> y;  ///< the stack's output, in the place of x where backward will not read it
    typename Blocks::Tape stack;
    void carve(Carver<S>& c, const LanguageModel& model, const Input& input, const Call<S>& call) {
      const Index tokens = input.batch.tokens(), dim = model.stack.dim(), begin = c.size();
      c("x", x, tokens, dim);
      if (!call.keep) c.go_to(begin);
      c("y", y, tokens, dim);
      c("", stack, model.stack, model.stack_input(input, x), call);
    }
  };
  /// The cache of the stack.
  struct Cache : Blocks::Cache {
    void carve(Carver<S>& c, const LanguageModel& model, const CacheRows& rows) {
      Blocks::Cache::carve(c, model.stack, rows);
    }
  };

  /// Rows of the logits: the tokens.
  Index output_rows(const Input& input) const { return input.batch.tokens(); }
  /// Columns of the logits: the vocabulary.
  Index output_cols() const { return embedding.vocabulary; }
  /// Throws unless the input fits.
  void check(const Input& input) const {
    expect_positions(input.positions, input.batch);
    embedding.check(input.batch, input.tokens, longest(input, input.batch.longest()));
    expect_self_mask("attn_mask", input.attn_mask, input.batch, stack.heads());
  }
  /// Throws unless the input is a step of decoding that continues the context.
  void check(const Input& input, const CachedContext& context) const {
    expect_positions(input.positions, input.batch);
    embedding.check(input.batch, input.tokens, longest(input, context.tokens.longest()));
    expect_self_mask("attn_mask", input.attn_mask, context.tokens, stack.heads());
  }
  /// Tokens have no gradient, so nothing can be wrong with it.
  void check(const Input&, const Gradient&) const {}
  /// Throws when a sequence may grow longer than the embedding has positions for.
  void check(const Capacity& capacity) const {
    expect(embedding.positions == Positions::none || capacity.longest <= embedding.longest,
           "LanguageModel: the capacity is ", capacity.longest,
           " tokens a sequence, but the embedding has positions for ", embedding.longest,
           "; ask for no more, or make the embedding with a larger `longest`.");
  }

  /// y [tokens x vocabulary]: row i holds the logits of the token after token i. With a cache the tokens continue the
  /// call's context.
  void forward(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> logits,
               Cache* cache = nullptr) const {
    embedding.forward(p.embedding, embedding_pass(input, call), input.tokens, t.x);
    stack.forward(p.stack, t.stack, stack_input(input, t.x), call, t.y, cache);
    embedding.project(p.embedding, embedding_pass(input, call), t.y, logits);
  }
  /// Adds to g the gradient of <logits, dlogits>.
  void backward(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dlogits, const Gradient&,
                Params& g) const {
    auto dx = call.workspace.zeros(t.x.rows(), t.x.cols()), dy = call.workspace.zeros(t.x.rows(), t.x.cols());
    const auto pass = embedding_pass(input, call);
    embedding.project_pull(p.embedding, pass, t.y, dlogits, dy, g.embedding);
    stack.backward(p.stack, t.stack, stack_input(input, t.x), call, dy, {.x = dx}, g.stack);
    embedding.backward(pass, input.tokens, dx, g.embedding);
  }

 private:
  /// Positions that the input needs, where sequences are up to `length` long.
  static Index longest(const Input& input, Index length) {
    for (const Index position : input.positions) length = std::max(length, position + 1);
    return length;
  }
  typename Blocks::Input stack_input(const Input& input, In<S> x) const {
    return {
        .batch = input.batch, .x = x, .attn_mask = input.attn_mask, .seed = input.seed, .positions = input.positions};
  }
  /// The embedding draws its dropout behind the stack's last site.
  Pass<S> embedding_pass(const Input& input, const Call<S>& call) const {
    return {.batch = input.batch,
            .workspace = call.workspace,
            .executor = call.executor,
            .seed = input.seed,
            .site = std::uint64_t(stack.sites()),
            .positions = input.positions,
            .context = call.context};
  }
};

/// A causal language model with the tied embedding; throws when the sizes do not fit.
template <template <class> class Ffn = FeedForward, class W>
auto language_model(const W& scheme, Sizes sizes, const Embedding<typename W::Scalar>& embedding) {
  sizes.causal = true;
  return LanguageModel<Encoder<W, Ffn>>(embedding, encoder<Ffn>(scheme, sizes));
}

}  // namespace residual
