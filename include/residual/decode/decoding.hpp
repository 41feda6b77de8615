#pragma once

#include <concepts>
#include <initializer_list>
#include <vector>

#include "residual/core/arena.hpp"
#include "residual/core/parameters.hpp"
#include "residual/decode/cached_sequences.hpp"
#include "residual/model/input.hpp"
#include "residual/model/plan.hpp"

namespace residual {

/// A model that can decode: its `forward` takes a cache, and it checks what continues a context. It may check a Capacity,
/// too, when a decoding of it is made; to decode for ever it LooksBack.
template <class M>
concept DecodingModel = Component<M> &&
    requires(const M& model, const typename M::Params& p, typename M::Tape& t, typename M::Cache& cache,
             const typename M::Input& input, const Call<typename M::Scalar>& call, Carver<typename M::Scalar>& carver,
             const CacheRows& rows, const CachedContext& context, Out<typename M::Scalar> out) {
  cache.carve(carver, model, rows);
  cache.copy(Index(), Index(), Index());
  model.check(input, context);
  model.forward(p, t, input, call, out, &cache);
};

/// A model that attends to a memory, from which decoding starts.
template <class M>
concept ReadsMemory = requires {
  requires M::reads_memory;
};

/// What stands behind the batch of a step: the first fields of the model's Input.
template <class I, class... Fields>
concept BeginsInput = sizeof...(Fields) > 0 && requires(const Batch& batch, const Fields&... fields) {
  I{batch, fields...};
};

/// What a Decoding can be made for: sequences up to a length, or, where the model sees a window of tokens alone, for ever.
template <class Room, class M>
concept RoomFor = std::same_as<Room, Capacity> ||(std::same_as<Room, Endless>&& LooksBack<M>);

/// Sequences that grow step by step, with the keys and values of all their tokens, or, where they are endless, of those that
/// the model still sees, so that a step computes the new tokens alone. Its output has the bits of the same rows of `forward`
/// over the whole sequences.
template <DecodingModel M>
class Decoding {
 public:
  using Scalar = typename M::Scalar;
  using S = Scalar;
  using Input = typename M::Input;

  /// The parameters and the executor must outlive it, and the parameters stay as they are while sequences grow. `room` is a
  /// Capacity or an Endless. Throws when the parameters are another model's, when some self-attention is not causal, when
  /// the room has no place for 1 sequence of 1 token or is larger than any memory, and when the model has no positions for
  /// its longest sequence or, where it is endless, some self-attention has no window.
  template <RoomFor<M> Room = Capacity>
  Decoding(const M& model, const Parameters<M>& theta, const Room& room, const Executor& executor = Serial::instance())
      : model_(model),
        theta_(&theta),
        shape_(Parameters<M>::fingerprint(model)),
        executor_(&executor),
        sequences_(sequences_of(model, room)) {
    expect_ours();
    make_room(0);
  }
  template <RoomFor<M> Room = Capacity>
  Decoding(const M&, const Parameters<M>&, const Room&, const Executor&&) = delete;  // it would not outlive this
  template <RoomFor<M> Room = Capacity>
  Decoding(const M&, const Parameters<M>&&, const Room&, const Executor& = Serial::instance()) = delete;
  template <RoomFor<M> Room = Capacity>
  Decoding(const M&, const Parameters<M>&&, const Room&, const Executor&&) = delete;
  /// With the weights of a plan, which must outlive it: the same bits, faster.
  template <std::same_as<Plan<M>> P, RoomFor<M> Room = Capacity>
  Decoding(const M& model, const P& plan, const Room& room, const Executor& executor = Serial::instance())
      : Decoding(model, plan.parameters(), room, executor) {}
  template <std::same_as<Plan<M>> P, RoomFor<M> Room = Capacity>
  Decoding(const M&, const P&, const Room&, const Executor&&) = delete;
  template <std::same_as<Plan<M>> P, RoomFor<M> Room = Capacity>
  Decoding(const M&, const P&&, const Room&, const Executor& = Serial::instance()) = delete;
  template <std::same_as<Plan<M>> P, RoomFor<M> Room = Capacity>
  Decoding(const M&, const P&&, const Room&, const Executor&&) = delete;
  /// What was moved from may only be destroyed.
  Decoding(Decoding&&) = default;

  /// Forgets everything and begins with so many empty sequences. Throws, with nothing changed, when there is no room for
  /// them.
  void start(Index sequences) requires(!ReadsMemory<M>) {
    sequences_.expect_room(sequences);
    const Batch empty = uniform(sequences, 0);
    singles_ = singles(sequences);
    sequences_.start(empty);
  }
  /// Forgets everything, reads the source and begins with one empty sequence for each of its sequences. Throws, with
  /// nothing changed, when there is no room for them or the source does not fit; when reading it fails, there are 0
  /// sequences.
  template <class Model = M>
  void start(const typename Model::Source& source) requires(ReadsMemory<M>) {
    const Index sequences = source.batch.sequences();
    expect_ours();
    sequences_.expect_room(sequences);
    const Input input = model_.input_of(source, uniform(sequences, 0));
    model_.check(input);
    expect_outside("Decoding::start", tape_memory_, input);
    singles_ = singles(sequences);
    sequences_.clear();
    make_room(source.batch.tokens());
    const Call<S> call{workspace_, *executor_, nullptr, false};
    bind(input, call);
    model_.remember(**theta_, tape_, cache_, input, call);
    workspace_.settle();
    sequences_.start(source.batch);
  }

  /// The model's output for the tokens that sequence i of the input's batch adds to sequence i: none, one or more. It
  /// lies in the decoding's memory, until its next step. Throws when the input does not fit; whatever it throws, the
  /// sequences are as before, and the step can be made again.
  In<S> step(const Input& input) {
    expect_ours();
    expect_fits(input.batch);
    expect(!input.seed.has_value(), "Decoding: a step drops nothing, so it takes no seed; leave `seed` out.");
    const CachedContext context = sequences_.context(input.batch);
    model_.check(input, context);
    expect_outside("Decoding", tape_memory_, input);
    sequences_.hide(input.batch);
    const Call<S> call{workspace_, *executor_, nullptr, false, &context};
    bind(input, call);
    model_.forward(**theta_, tape_, input, call, y_, &cache_);
    workspace_.settle();
    sequences_.mirror(input.batch, [&](Index begin, Index to, Index count) { cache_.copy(begin, to, count); });
    sequences_.grow(input.batch);
    return y_;
  }
  /// Makes a step of the input's first fields: step(batch, tokens), or step(batch, x) where the model takes vectors.
  template <class... Fields>
    requires(BeginsInput<Input, Fields...>)
  In<S> step(const Batch& batch, const Fields&... fields) { return step(Input{batch, fields...}); }
  /// Makes a step of one token for each sequence: step(tokens) or step(x).
  template <class Field>
    requires(BeginsInput<Input, Field>)
  In<S> step(const Field& field) {
    if constexpr (requires { field.rows(); }) {
      sequences_.expect_started(field.rows());
    } else if constexpr (requires { std::size(field); }) {
      sequences_.expect_started(Index(std::size(field)));
    }
    return step(Input{singles_, field});
  }
  /// Says what a step takes, where it is given something else.
  template <class... Fields>
    requires(sizeof...(Fields) > 0 && !BeginsInput<Input, Fields...>)
  void step(const Batch&, const Fields&...) {
    static_assert(BeginsInput<Input, Fields...>,
                  "Decoding::step: this is no beginning of the model's Input; matrices must be row-major and of the "
                  "model's scalar: store others in a Tokens<float> first, and tokens in a std::vector<int>.");
  }
  /// Says so of one token for each sequence.
  template <class Field>
    requires(!BeginsInput<Input, Field> && !std::convertible_to<const Field&, const Input&>)
  void step(const Field& field) { step(singles_, field); }

  /// From now on sequence i continues what was sequence from[i]. Those that nobody continues are dropped; several may
  /// continue one, and only for these is anything copied. Throws, with nothing changed, when there is no such sequence
  /// or no room; when a layer's cache fails to copy, there are 0 sequences.
  void reorder(std::span<const Index> from) {
    sequences_.expect_room(Index(from.size()));
    for (std::size_t k = 0; k < from.size(); ++k) {
      expect(from[k] >= 0 && from[k] < sequences(), "Decoding::reorder: from[", k, "] is ", from[k], ", but there are ",
             sequences(), " sequences, counted from 0.");
    }
    singles_ = singles(Index(from.size()));
    sequences_.reorder(from, [&](Index begin, Index to, Index count) { cache_.copy(begin, to, count); });
  }
  /// Takes the numbers written out: reorder({0, 0, 1}).
  void reorder(std::initializer_list<Index> from) { reorder(std::span<const Index>(from.begin(), from.size())); }

  /// Throws when there is no room for so many sequences.
  void expect_room(Index sequences) const { sequences_.expect_room(sequences); }
  /// Throws unless the batch has one length for each sequence, and each sequence has room for its new tokens.
  void expect_fits(const Batch& batch) const { sequences_.expect_fits(batch); }

  /// How many sequences there are.
  Index sequences() const { return sequences_.size(); }
  /// Tokens of sequence i.
  Index length(Index i) const { return sequences_.length(i); }
  /// Tokens that sequence i may still take, in any number of steps.
  Index room(Index i) const { return sequences_.room(i); }
  /// The model that it was made with.
  const M& model() const { return model_; }
  /// How many tokens a model that takes tokens knows: the columns of its logits.
  Index vocabulary() const requires requires(const Input& input) { input.tokens; }
  { return model_.output_cols(); }

 private:
  /// Throws when the parameters are those of another model, as they may have become since the last step.
  void expect_ours() const {
    expect(theta_->fingerprint() == shape_, "Decoding: the parameters (", theta_->size(),
           " numbers) belong to a model of another shape; make them with Parameters(model) of this model.");
    theta_->expect_every_view("Decoding");
  }
  static CachedSequences sequences_of(const M& model, const Capacity& capacity) {
    expect_capacity(model, capacity);
    return CachedSequences(capacity);
  }
  static CachedSequences sequences_of(const M& model, const Endless& endless) {
    expect_capacity(model, endless);
    return CachedSequences(endless, model.look_back());
  }
  static Batch uniform(Index sequences, Index length) {
    return Batch::of(std::vector<Index>(std::size_t(sequences), length));
  }
  Batch singles(Index sequences) const { return singles_.sequences() == sequences ? singles_ : uniform(sequences, 1); }

  void make_room(Index memory) {
    const CacheRows rows{.tokens = sequences_.rows(), .memory = memory};
    cache_memory_.bind([&](Carver<S>& c) { c("", cache_, model_, rows); });
  }
  void bind(const Input& input, const Call<S>& call) {
    tape_memory_.bind([&](Carver<S>& c) {
      c("y", y_, model_.output_rows(input), model_.output_cols());
      c("", tape_, model_, input, call);
    });
  }

  M model_;
  const Parameters<M>* theta_;
  std::uint64_t shape_;
  const Executor* executor_;
  CachedSequences sequences_;
  Batch singles_;  ///< one token a sequence; only ever stale where there are 0 sequences
  Arena<S> cache_memory_, tape_memory_;
  Workspace<S> workspace_;
  typename M::Cache cache_;
  typename M::Tape tape_;
  TokensView<S> y_;
};

}  // namespace residual
