#pragma once

#include "residual/layers/embedding.hpp"
#include "residual/model/capacity.hpp"
#include "residual/model/encoder.hpp"

namespace residual {

/// A stack behind a token embedding, y = stack(embedding(tokens)): what models of tokens have in common.
template <class Blocks>
struct TokenStack {
  using Scalar = typename Blocks::Scalar;
  using S = Scalar;
  Embedding<S> embedding;  ///< of the tokens
  Blocks stack;            ///< behind it

  TokenStack(Embedding<S> e, Blocks blocks) : embedding(std::move(e)), stack(std::move(blocks)) {}
  bool operator==(const TokenStack&) const = default;

  /// What the windows show must stay as it is until backward has run.
  struct Input {
    Batch batch;                             ///< the sequences
    Lasting<std::span<const int>> tokens;    ///< one a token of the batch, from 0
    Lasting<Mask<S>> attn_mask = {};         ///< of self-attention
    std::optional<std::uint64_t> seed = {};  ///< of dropout; without one nothing is dropped
    Lasting<std::span<const Index>> positions =
        {};  ///< each token's place, as after padding at the left; empty: 0, 1, 2, ...
    Lasting<std::span<const int>> types = {};  ///< each token's type, for an embedding that has them; empty: all 0
  };
  /// Tokens have no gradient.
  struct Gradient {};

  /// The parameters of the embedding and of the stack.
  struct Params {
    typename Embedding<S>::Params embedding;
    typename Blocks::Params stack;
    void carve(Carver<S>& c, const TokenStack& model) {
      c("", embedding, model.embedding);
      c("", stack, model.stack);
    }
  };
  /// What embedding and stack keep for backward, the stack's input and its output.
  struct Tape {
    TokensView<S> x;  ///< the embedding
    TokensView<S> y;  ///< the stack's output, in the place of x where backward will not read it
    typename Embedding<S>::Tape embedding;
    typename Blocks::Tape stack;
    void carve(Carver<S>& c, const TokenStack& model, const Input& input, const Call<S>& call) {
      const Index tokens = input.batch.tokens(), dim = model.stack.dim(), begin = c.size();
      c("x", x, tokens, dim);
      if (!call.keep) c.go_to(begin);
      c("y", y, tokens, dim);
      c("", embedding, model.embedding, model.embedding_pass(input, call));
      c("", stack, model.stack, model.stack_input(input, x), call);
    }
  };
  /// The cache of the stack.
  struct Cache : Blocks::Cache {
    void carve(Carver<S>& c, const TokenStack& model, const CacheRows& rows) {
      Blocks::Cache::carve(c, model.stack, rows);
    }
  };

  /// The most tokens in front of a step's that the step reads. Throws when that has no limit, or the positions end.
  Index look_back() const {
    embedding.expect_endless();
    return stack.look_back();
  }
  /// Throws unless the input fits.
  void check(const Input& input) const {
    expect_positions(input.positions, input.batch);
    embedding.check(input.batch, words(input), longest(input, input.batch.longest()));
    expect_self_mask("attn_mask", input.attn_mask, input.batch, stack.heads());
  }
  /// Throws unless the input is a step of decoding that continues the context.
  void check(const Input& input, const CachedContext& context) const {
    expect_positions(input.positions, input.batch);
    embedding.check(input.batch, words(input), longest(input, context.tokens.longest()));
    expect_self_mask("attn_mask", input.attn_mask, context.tokens, stack.heads());
  }
  /// Tokens have no gradient, so nothing can be wrong with it.
  void check(const Input&, const Gradient&) const {}

 protected:
  /// Throws std::invalid_argument unless embedding and stack are right and equally wide; `who` is the model.
  void check_parts(const char* who) const {
    embedding.check();
    stack.check();
    expect(embedding.dim == stack.dim(), who, ": the embedding is ", embedding.dim, " wide, the stack ", stack.dim(),
           "; give both the same width.");
  }
  /// y = stack(embedding(tokens)); with a cache the tokens continue the call's context.
  void run(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> y, Cache* cache = nullptr) const {
    embedding.forward(p.embedding, t.embedding, embedding_pass(input, call), words(input), t.x);
    if (call.observer != nullptr) call.observer->embedding(t.x);
    stack.forward(p.stack, t.stack, stack_input(input, t.x), call, y, cache);
  }
  /// Adds to g the gradient of <y, dy>.
  void pull(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dy, Params& g) const {
    auto dx = call.workspace.zeros(t.x.rows(), t.x.cols());
    stack.backward(p.stack, t.stack, stack_input(input, t.x), call, dy, {.x = dx}, g.stack);
    embedding.backward(p.embedding, t.embedding, embedding_pass(input, call), words(input), dx, g.embedding);
  }
  /// What surrounds the embedding, which draws its dropout behind the stack's last site.
  Pass<S> embedding_pass(const Input& input, const Call<S>& call) const {
    return {.batch = input.batch,
            .workspace = call.workspace,
            .executor = call.executor,
            .seed = input.seed,
            .site = std::uint64_t(stack.sites()),
            .positions = input.positions,
            .keep = call.keep,
            .context = call.context,
            .linear_inputs = call.observer};
  }

 private:
  static Words words(const Input& input) { return {input.tokens, input.types}; }
  /// Positions that the input needs: those that it gives or, where it gives none, those of sequences up to `length` long.
  static Index longest(const Input& input, Index length) {
    if (!input.positions.empty()) length = 0;
    for (const Index position : input.positions)
      length = std::max(length, std::min(position, std::numeric_limits<Index>::max() - 1) + 1);
    return length;
  }
  typename Blocks::Input stack_input(const Input& input, In<S> x) const {
    return {
        .batch = input.batch, .x = x, .attn_mask = input.attn_mask, .seed = input.seed, .positions = input.positions};
  }
};

}  // namespace residual
