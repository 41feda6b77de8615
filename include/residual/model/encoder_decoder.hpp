#pragma once

#include "residual/model/decoder.hpp"
#include "residual/model/encoder.hpp"

namespace residual {

/// An encoder whose output is the memory of a decoder. Each may have its own scheme and sizes, but one width.
template <class E, class D>
struct EncoderDecoder {
  using Scalar = typename D::Scalar;
  using S = Scalar;
  static_assert(std::same_as<typename E::Scalar, S>, "Make encoder and decoder of the same scalar.");
  static_assert(
      requires(const E& e) {
        { e.sites() } -> std::convertible_to<Index>;
      },
      "The encoder of an EncoderDecoder is a Stack, or says by `Index sites() const` how many sub-layers draw "
      "dropout.");
  static_assert(D::reads_memory, "The decoder of an EncoderDecoder needs cross-attention: make it with decoder(...).");
  /// It attends to a memory, so a decoding starts from a source.
  static constexpr bool reads_memory = true;
  E encoder;  ///< reads the source
  D decoder;  ///< attends to its output

  /// Throws std::invalid_argument unless both are right and equally wide.
  EncoderDecoder(E e, D d) : encoder(std::move(e)), decoder(std::move(d)) { check(); }
  bool operator==(const EncoderDecoder&) const = default;
  /// Throws std::invalid_argument unless both are right and equally wide.
  void check() const {
    encoder.check();
    decoder.check();
    expect(encoder.dim() == decoder.dim(), "EncoderDecoder: the encoder is ", encoder.dim(), " wide, the decoder ",
           decoder.dim(), "; give both the same width.");
  }

  /// What the windows show must stay as it is until backward has run.
  struct Input {
    Batch batch;                             ///< the target sequences
    Lasting<In<S>> x;                        ///< their embedding, [tokens x dim]
    Batch src_batch = {};                    ///< the source sequences, as many
    Lasting<In<S>> src = {};                 ///< their embedding, [source tokens x dim]
    Lasting<Mask<S>> attn_mask = {};         ///< of the decoder's self-attention
    Lasting<Mask<S>> memory_mask = {};       ///< of its cross-attention
    Lasting<Mask<S>> src_mask = {};          ///< of the encoder's self-attention
    std::optional<std::uint64_t> seed = {};  ///< of dropout; without one nothing is dropped
  };
  /// Where backward adds the gradients of x and src.
  struct Gradient {
    WantedGradient<S> x = {};    ///< of the target embedding
    WantedGradient<S> src = {};  ///< of the source embedding
  };

  /// What decoding starts from.
  struct Source {
    Batch batch;            ///< the source sequences
    In<S> src;              ///< the embedding of the source sequences, [tokens x dim]
    Mask<S> src_mask = {};  ///< of the encoder's self-attention
  };

  /// The parameters of both, under "encoder." and "decoder.".
  struct Params {
    typename E::Params encoder;
    typename D::Params decoder;
    void carve(Carver<S>& c, const EncoderDecoder& model) {
      c("encoder.", encoder, model.encoder);
      c("decoder.", decoder, model.decoder);
    }
  };
  /// What both keep for backward, and the encoder's output.
  struct Tape {
    TokensView<S> memory;  ///< the encoder's output
    typename E::Tape encoder;
    typename D::Tape decoder;
    void carve(Carver<S>& c, const EncoderDecoder& model, const Input& input, const Call<S>& call) {
      c("memory", memory, input.src_batch.tokens(), model.encoder.dim());
      c("", encoder, model.encoder, model.encoder_input(input), call);
      c("", decoder, model.decoder, model.decoder_input(input, memory), call);
    }
  };

  /// The decoder's cache; the encoder runs once and needs none.
  struct Cache : D::Cache {
    void carve(Carver<S>& c, const EncoderDecoder& model, const CacheRows& rows) {
      D::Cache::carve(c, model.decoder, rows);
    }
  };

  /// Rows of y: the target tokens.
  Index output_rows(const Input& input) const { return input.batch.tokens(); }
  /// Columns of y: the width.
  Index output_cols() const { return decoder.dim(); }
  /// The most target tokens in front of a step's that the step reads. Throws when that has no limit.
  Index look_back() const { return decoder.look_back(); }
  /// Throws unless the input fits.
  void check(const Input& input) const {
    expect_shape("src", input.src, input.src_batch.tokens(), encoder.dim(),
                 "one row a token of src_batch, one column a feature");
    if constexpr (requires { encoder.heads(); }) {
      expect_self_mask("src_mask", input.src_mask, input.src_batch, encoder.heads());
    }
    decoder.check(decoder_input(input, input.src));
  }
  /// Throws unless the input is a step of decoding that continues the context.
  void check(const Input& input, const CachedContext& context) const {
    expect(input.src.size() == 0 && input.src_batch.tokens() == 0,
           "A source was given to a step of decoding, which has it from `start`; leave `src` and `src_batch` out.");
    expect(input.src_mask.size() == 0,
           "A src_mask was given to a step of decoding, which has read the source; give it to `start`.");
    decoder.check(decoder_input(input, {}), context);
  }
  /// Throws unless the windows for gradients have the shapes of the input.
  void check(const Input& input, const Gradient& dinput) const {
    if (dinput.x.wanted()) {
      expect_shape("The gradient of x", dinput.x, input.x.rows(), decoder.dim(), "the shape of x");
    }
    if (dinput.src.wanted()) {
      expect_shape("The gradient of src", dinput.src, input.src.rows(), encoder.dim(), "the shape of src");
    }
  }

  /// y = decoder(x, encoder(src)). With a cache, which has seen the source, x continues the call's context.
  void forward(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> y,
               Cache* cache = nullptr) const {
    if (cache == nullptr) encoder.forward(p.encoder, t.encoder, encoder_input(input), call, t.memory);
    decoder.forward(p.decoder, t.decoder, decoder_input(input, t.memory), call, y, cache);
  }
  /// The input of `remember`: no token yet in each of as many sequences as the source has.
  Input input_of(const Source& source, const Batch& empty) const {
    return {.batch = empty,
            .x = In<S>(nullptr, 0, decoder.dim(), decoder.dim()),
            .src_batch = source.batch,
            .src = source.src,
            .src_mask = source.src_mask};
  }
  /// Encodes the source and computes what the decoder's sub-layers need of it, for all steps to come.
  void remember(const Params& p, Tape& t, Cache& cache, const Input& input, const Call<S>& call) const {
    encoder.forward(p.encoder, t.encoder, encoder_input(input), call, t.memory);
    decoder.remember(p.decoder, t.decoder, cache, decoder_input(input, t.memory), call);
  }
  /// Adds to g and, where wanted, to dinput the gradient of <y, dy>.
  void backward(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dy, const Gradient& dinput,
                Params& g) const {
    auto dmemory = call.workspace.zeros(t.memory.rows(), t.memory.cols());
    decoder.backward(p.decoder, t.decoder, decoder_input(input, t.memory), call, dy, {dinput.x, dmemory}, g.decoder);
    encoder.backward(p.encoder, t.encoder, encoder_input(input), call, dmemory, {dinput.src, {}}, g.encoder);
  }

 private:
  typename E::Input encoder_input(const Input& input) const {
    return {.batch = input.src_batch, .x = input.src, .attn_mask = input.src_mask, .seed = input.seed};
  }
  typename D::Input decoder_input(const Input& input, In<S> memory) const {
    return {.batch = input.batch,
            .x = input.x,
            .memory_batch = input.src_batch,
            .memory = memory,
            .attn_mask = input.attn_mask,
            .memory_mask = input.memory_mask,
            .seed = input.seed,
            .first_site = std::uint64_t(encoder.sites())};
  }
};

/// An encoder and a decoder of one model; throws when their widths differ.
template <class E, class D>
EncoderDecoder<E, D> encoder_decoder(E encoder, D decoder) {
  return {std::move(encoder), std::move(decoder)};
}

}  // namespace residual
