#pragma once

#include "residual/layers/logits.hpp"
#include "residual/model/token_stack.hpp"

namespace residual {

/// A causal language model: logits = E^T stack(embedding(tokens)), the output projection tied to the embedding. With
/// Logits{.tied = false} a matrix of its own, lm_head, is in the place of E; with a softcap c, c tanh(logits / c).
template <class Blocks>
struct LanguageModel : TokenStack<Blocks> {
  using Base = TokenStack<Blocks>;
  using Scalar = typename Blocks::Scalar;
  using S = Scalar;
  using Input = typename Base::Input;
  using Gradient = typename Base::Gradient;
  using Tape = typename Base::Tape;
  using Cache = typename Base::Cache;
  using Base::check;
  using Base::embedding;
  using Base::stack;
  static_assert(!Blocks::reads_memory,
                "A LanguageModel has no memory for cross-attention: make its stack with encoder(...).");
  Logits logits;  ///< of the output projection

  /// Throws std::invalid_argument unless both are right, equally wide, and the stack is causal.
  LanguageModel(Embedding<S> e, Blocks blocks, Logits how = {}) : Base(std::move(e), std::move(blocks)), logits(how) {
    check();
  }
  bool operator==(const LanguageModel&) const = default;
  /// Throws std::invalid_argument unless both are right, equally wide, and the stack is causal.
  void check() const {
    Base::check_parts("LanguageModel");
    logits.check();
    expect(stack.causal(),
           "LanguageModel: its stack is not causal, so a token would see the one it is to predict; make it "
           "with .causal = true.");
  }
  /// Throws when a sequence may grow longer than the embedding has positions for.
  void check(const Capacity& capacity) const {
    expect(embedding.positions == Positions::none || capacity.longest <= embedding.longest,
           "LanguageModel: the capacity is ", capacity.longest,
           " tokens a sequence, but the embedding has positions for ", embedding.longest,
           "; ask for no more, or make the embedding with a larger `longest`.");
  }

  /// The parameters of the embedding, of the stack and, unless it is tied, of the output projection.
  struct Params : Base::Params {
    typename Linear<S>::Params lm_head;
    void carve(Carver<S>& c, const LanguageModel& model) {
      Base::Params::carve(c, model);
      if (!model.logits.tied) c("lm_head.", lm_head, model.lm_head());
    }
  };

  /// Rows of the logits: the tokens.
  Index output_rows(const Input& input) const { return input.batch.tokens(); }
  /// Columns of the logits: the vocabulary.
  Index output_cols() const { return embedding.vocabulary; }

  /// y [tokens x vocabulary]: row i holds the logits of the token after token i. With a cache the tokens continue the
  /// call's context.
  void forward(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> y,
               Cache* cache = nullptr) const {
    Base::run(p, t, input, call, t.y, cache);
    project(p, t, Base::embedding_pass(input, call), y);
    logits.cap<S>(call.executor, y);
  }
  /// Adds to g the gradient of <y, dy>.
  void backward(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dy, const Gradient&,
                Params& g) const {
    auto dhidden = call.workspace.zeros(t.y.rows(), t.y.cols());
    auto z = call.workspace.temp(logits.softcap > 0 ? dy.rows() : 0, dy.cols());
    Pass<S> pass = Base::embedding_pass(input, call);
    pass.linear_inputs = nullptr;  // forward has shown what is computed again
    if (logits.softcap > 0) {
      project(p, t, pass, z);
      logits.pull_cap<S>(call.executor, dy, z);
    }
    const In<S> dz = logits.softcap > 0 ? In<S>(z) : dy;
    if (logits.tied) {
      embedding.project_pull(p.embedding, pass, t.y, dz, dhidden, g.embedding);
    } else {
      affine_pull<S>(call.executor, t.y, p.lm_head.weight, dz, dhidden, g.lm_head.weight, g.lm_head.bias);
    }
    Base::pull(p, t, input, call, dhidden, g);
  }

 private:
  Linear<S> lm_head() const { return {embedding.dim, embedding.vocabulary, false}; }
  void project(const Params& p, const Tape& t, const Pass<S>& pass, Out<S> z) const {
    if (logits.tied) return embedding.project(p.embedding, pass, t.y, z);
    affine<S>(pass, t.y, p.lm_head.weight, p.lm_head.bias, z);
  }
};

/// The deduction of LanguageModel(embedding, stack).
template <class S, class Blocks>
LanguageModel(Embedding<S>, Blocks, Logits = {}) -> LanguageModel<Blocks>;

/// A causal language model; throws when the sizes do not fit.
template <template <class> class Ffn = FeedForward, class W>
auto language_model(const W& scheme, Sizes sizes, const Embedding<typename W::Scalar>& embedding,
                    const Logits& logits = {}) {
  sizes.causal = true;
  return LanguageModel<Encoder<W, Ffn>>(embedding, encoder<Ffn>(scheme, sizes), logits);
}

}  // namespace residual
