#pragma once

#include "residual/model/capacity.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "residual/model/token_ends.hpp"

namespace residual {

/// A translation model, Vaswani et al. 2017 (arXiv:1706.03762), from source and target tokens to logits of the next
/// target token:
///
///     logits = project(decoder(embed(tokens), encoder(embed_source(src_tokens))))
///
/// Parameters are named "embed_tokens.weight" where both sides share it, else "encoder.embed_tokens.weight" and
/// "decoder.embed_tokens.weight"; "encoder.layers.0...", "decoder.layers.0..."; "output_projection.weight" where it is not the
/// target's embedding. fairseq's own names: fairseq_translation_names.
template <class E, class D>
struct TokenEncoderDecoder {
  using Stacks = EncoderDecoder<E, D>;
  using Scalar = typename Stacks::Scalar;
  using S = Scalar;
  /// A decoding starts from a source.
  static constexpr bool reads_memory = true;

  Stacks stacks;      ///< between the embeddings and the projection
  TokenEnds<S> ends;  ///< these
  bool operator==(const TokenEncoderDecoder&) const = default;

  /// Throws std::invalid_argument unless all parts are right and equally wide, and the decoder is causal.
  void check() const {
    stacks.check();
    ends.check(dim());
    expect(stacks.decoder.causal(),
           "TokenEncoderDecoder: its decoder is not causal, so a token would see the one it is to predict; make it "
           "with .causal = true.");
  }
  /// The width of the stacks.
  Index dim() const { return stacks.output_cols(); }

  /// What the windows show must stay as it is until backward has run.
  struct Input {
    Batch batch;                                    ///< the target sequences
    Lasting<std::span<const int>> tokens;           ///< theirs, one a token of the batch, from 0
    Batch src_batch = {};                           ///< the source sequences, as many
    Lasting<std::span<const int>> src_tokens = {};  ///< theirs
    Lasting<Mask<S>> attn_mask = {};                ///< of the decoder's self-attention
    Lasting<Mask<S>> memory_mask = {};              ///< of its cross-attention
    Lasting<Mask<S>> src_mask = {};                 ///< of the encoder's self-attention
    std::optional<std::uint64_t> seed = {};         ///< of dropout; without one nothing is dropped
  };
  /// Tokens have no gradient.
  struct Gradient {};
  /// What decoding starts from.
  struct Source {
    Batch batch;                  ///< the source sequences
    std::span<const int> tokens;  ///< theirs
    Mask<S> src_mask = {};        ///< of the encoder's self-attention
  };

  /// The parameters of embeddings, stacks and projection.
  struct Params {
    typename TokenEnds<S>::Params ends;
    typename Stacks::Params stacks;
    void carve(Carver<S>& c, const TokenEncoderDecoder& model) {
      c("", ends, model.ends);
      c("", stacks, model.stacks);
    }
  };
  /// What the stacks keep for backward, their inputs and their output.
  struct Tape {
    typename Embedding<S>::Tape target, source;
    TokensView<S> x, src;  ///< the embedded target and source
    TokensView<S> y;       ///< the decoder's output
    typename Stacks::Tape stacks;
    void carve(Carver<S>& c, const TokenEncoderDecoder& model, const Input& input, const Call<S>& call) {
      c("", target, model.ends.target, model.target_pass(input, call));
      c("", source, model.ends.source_embedding(), model.source_pass(input, call));
      c("x", x, input.batch.tokens(), model.dim());
      c("src", src, input.src_batch.tokens(), model.dim());
      c("y", y, input.batch.tokens(), model.dim());
      c("", stacks, model.stacks, stacks_input(input, x, src), call);
    }
  };
  /// The cache of the decoder.
  struct Cache : Stacks::Cache {
    void carve(Carver<S>& c, const TokenEncoderDecoder& model, const CacheRows& rows) {
      Stacks::Cache::carve(c, model.stacks, rows);
    }
  };

  /// Rows of the logits: the target tokens.
  Index output_rows(const Input& input) const { return input.batch.tokens(); }
  /// Columns of the logits: the target's vocabulary.
  Index output_cols() const { return ends.target.vocabulary; }
  /// The most target tokens in front of a step's that the step reads. Throws when that has no limit, or the positions end.
  Index look_back() const {
    ends.target.expect_endless();
    return stacks.look_back();
  }
  /// Throws unless the input fits.
  void check(const Input& input) const {
    ends.target.check(input.batch, {input.tokens}, input.batch.longest());
    ends.check_source(input.src_batch, input.src_tokens);
    stacks.check(stacks_input(input, unread(input.batch), unread(input.src_batch)));
  }
  /// Throws unless the input is a step of decoding that continues the context.
  void check(const Input& input, const CachedContext& context) const {
    expect(
        input.src_tokens.empty() && input.src_batch.tokens() == 0,
        "A source was given to a step of decoding, which has it from `start`; leave `src_batch` and `src_tokens` out.");
    ends.target.check(input.batch, {input.tokens}, context.tokens.longest());
    stacks.check(stacks_input(input, unread(input.batch), {}), context);
  }
  /// Tokens have no gradient, so nothing can be wrong with it.
  void check(const Input&, const Gradient&) const {}
  /// Throws when a sequence may grow longer than the target's embedding has positions for.
  void check(const Capacity& capacity) const {
    expect(ends.target.positions == Positions::none || capacity.longest <= ends.target.longest,
           "TokenEncoderDecoder: the capacity is ", capacity.longest,
           " tokens a sequence, but the target's embedding has positions for ", ends.target.longest,
           "; ask for no more, or make the embedding with a larger `longest`.");
  }

  /// y [target tokens x vocabulary]: row i holds the logits of the token after token i. With a cache, which has seen
  /// the source, the tokens continue the call's context.
  void forward(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> logits,
               Cache* cache = nullptr) const {
    const auto pass = target_pass(input, call);
    if (cache == nullptr) ends.embed_source(p.ends, t.source, source_pass(input, call), input.src_tokens, t.src);
    ends.target.forward(p.ends.target, t.target, pass, {input.tokens}, t.x);
    stacks.forward(p.stacks, t.stacks, stacks_input(input, t.x, t.src), call, t.y, cache);
    ends.project(p.ends, pass, t.y, logits);
  }
  /// The input of `remember`: no token yet in each of as many sequences as the source has.
  Input input_of(const Source& source, const Batch& empty) const {
    return {.batch = empty,
            .tokens = {},
            .src_batch = source.batch,
            .src_tokens = source.tokens,
            .src_mask = source.src_mask};
  }
  /// Encodes the source and computes what the decoder's sub-layers need of it, for all steps to come.
  void remember(const Params& p, Tape& t, Cache& cache, const Input& input, const Call<S>& call) const {
    ends.embed_source(p.ends, t.source, source_pass(input, call), input.src_tokens, t.src);
    stacks.remember(p.stacks, t.stacks, cache, stacks_input(input, t.x, t.src), call);
  }
  /// Adds to g the gradient of <logits, dlogits>.
  void backward(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dlogits, const Gradient&,
                Params& g) const {
    auto dx = call.workspace.zeros(t.x.rows(), dim()), dsrc = call.workspace.zeros(t.src.rows(), dim());
    auto dy = call.workspace.zeros(t.y.rows(), dim());
    const auto pass = target_pass(input, call);
    ends.project_pull(p.ends, pass, t.y, dlogits, dy, g.ends);
    stacks.backward(p.stacks, t.stacks, stacks_input(input, t.x, t.src), call, dy, {.x = dx, .src = dsrc}, g.stacks);
    ends.target.backward(p.ends.target, t.target, pass, {input.tokens}, dx, g.ends.target);
    ends.source_pull(p.ends, t.source, source_pass(input, call), input.src_tokens, dsrc, g.ends);
  }

 private:
  /// A window of the right shape, for checks that read no number.
  In<S> unread(const Batch& batch) const { return {nullptr, batch.tokens(), dim(), dim()}; }
  static typename Stacks::Input stacks_input(const Input& input, In<S> x, In<S> src) {
    return {.batch = input.batch,
            .x = x,
            .src_batch = input.src_batch,
            .src = src,
            .attn_mask = input.attn_mask,
            .memory_mask = input.memory_mask,
            .src_mask = input.src_mask,
            .seed = input.seed};
  }
  /// The embeddings draw their dropout behind the stacks' last site: the source's, then the target's.
  Pass<S> source_pass(const Input& input, const Call<S>& call) const { return pass(input.src_batch, 0, input, call); }
  Pass<S> target_pass(const Input& input, const Call<S>& call) const { return pass(input.batch, 1, input, call); }
  Pass<S> pass(const Batch& batch, Index behind, const Input& input, const Call<S>& call) const {
    return {.batch = batch,
            .workspace = call.workspace,
            .executor = call.executor,
            .seed = input.seed,
            .site = std::uint64_t(stacks.encoder.sites() + stacks.decoder.sites() + behind),
            .keep = call.keep,
            .context = call.context,
            .linear_inputs = call.observer};
  }
};

/// A translation model: token_encoder_decoder(encoder_decoder(...), {.target = Embedding<float>(...)}); throws when its
/// parts do not fit each other.
template <class E, class D>
TokenEncoderDecoder<E, D> token_encoder_decoder(EncoderDecoder<E, D> stacks, TokenEnds<typename D::Scalar> ends) {
  TokenEncoderDecoder<E, D> model{std::move(stacks), std::move(ends)};
  model.check();
  return model;
}

}  // namespace residual
