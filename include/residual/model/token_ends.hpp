#pragma once

#include "residual/layers/embedding.hpp"
#include "residual/layers/linear.hpp"

namespace residual {

/// What stands around an encoder-decoder of tokens: an embedding for each side, or one for both, and the output
/// projection,
///
///     logits = y E^T   with E that of the target's embedding,   or  y W + b
///
///     {.target = e}                                      one embedding for both sides, the projection tied to it
///     {.target = e, .source = f}                         one for each side
///     {.target = e, .projection = Linear<S>{dim, words}} a projection of its own
template <class S>
struct TokenEnds {
  Embedding<S> target;                       ///< of the target tokens
  std::optional<Embedding<S>> source = {};   ///< of the source tokens; none: that of the target
  std::optional<Linear<S>> projection = {};  ///< to the logits; none: tied to the target's embedding
  bool operator==(const TokenEnds&) const = default;

  /// The embedding of the source tokens.
  const Embedding<S>& source_embedding() const { return source ? *source : target; }
  /// Throws std::invalid_argument unless all are right and fit stacks of width `dim`.
  void check(Index dim) const {
    target.check();
    source_embedding().check();
    expect_width("target", target.dim, dim);
    expect_width("source", source_embedding().dim, dim);
    if (!projection) return;
    projection->check();
    expect(projection->in == dim && projection->out == target.vocabulary, "TokenEncoderDecoder: its projection maps ",
           projection->in, " features to ", projection->out, ", but the decoder gives ", dim,
           " and the target has a vocabulary of ", target.vocabulary, "; make it fit both.");
  }
  /// Throws unless `tokens` are those of the source sequences.
  void check_source(const Batch& batch, std::span<const int> tokens) const {
    const Embedding<S>& e = source_embedding();
    expect(Index(tokens.size()) == batch.tokens(), "src_tokens has ", counted(tokens.size(), "entry", "entries"),
           ", but src_batch has ", counted(batch.tokens(), "token"), "; give one a token.");
    expect(e.positions == Positions::none || batch.longest() <= e.longest, "The longest source sequence has ",
           counted(batch.longest(), "token"), ", but the source's embedding has positions for ", e.longest,
           "; make it with a larger `longest`.");
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      expect(tokens[i] >= 0 && tokens[i] < e.vocabulary, "src_tokens[", i, "] is ", tokens[i],
             ", but the source's vocabulary has the tokens 0 to ", e.vocabulary - 1, ".");
    }
  }

  struct Params {
    typename Embedding<S>::Params target, source;  ///< source is empty where it is the target's
    typename Linear<S>::Params projection;
    void carve(Carver<S>& c, const TokenEnds& ends) {
      if (ends.source) c("encoder.", source, *ends.source);
      c(ends.source ? "decoder." : "", target, ends.target);
      if (ends.projection) c("output_projection.", projection, *ends.projection);
    }
  };

  /// x = the embedded source tokens.
  void embed_source(const Params& p, typename Embedding<S>::Tape& t, const Pass<S>& pass, std::span<const int> tokens,
                    Out<S> x) const {
    source_embedding().forward(source ? p.source : p.target, t, pass, {tokens}, x);
  }
  /// The gradient of `embed_source`.
  void source_pull(const Params& p, const typename Embedding<S>::Tape& t, const Pass<S>& pass,
                   std::span<const int> tokens, In<S> dx, Params& g) const {
    source_embedding().backward(source ? p.source : p.target, t, pass, {tokens}, dx, source ? g.source : g.target);
  }
  /// The logits [tokens x vocabulary] of y.
  void project(const Params& p, const Pass<S>& pass, In<S> y, Out<S> logits) const {
    if (!projection) return target.project(p.target, pass, y, logits);
    affine<S>(pass, y, p.projection.weight, p.projection.bias, logits);
  }
  /// The gradient of `project`: adds to dy and g.
  void project_pull(const Params& p, const Pass<S>& pass, In<S> y, In<S> dlogits, Out<S> dy, Params& g) const {
    if (!projection) return target.project_pull(p.target, pass, y, dlogits, dy, g.target);
    affine_pull<S>(pass.executor, y, p.projection.weight, dlogits, dy, g.projection.weight, g.projection.bias);
  }

 private:
  static void expect_width(const char* side, Index width, Index dim) {
    expect(width == dim, "TokenEncoderDecoder: the embedding of the ", side, " is ", width, " wide, the stacks ", dim,
           "; give both the same width.");
  }
};

}  // namespace residual
