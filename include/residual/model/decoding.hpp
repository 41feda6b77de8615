#pragma once

#include <initializer_list>
#include <vector>

#include "residual/core/arena.hpp"
#include "residual/core/parameters.hpp"
#include "residual/model/cached_sequences.hpp"
#include "residual/model/input.hpp"

namespace residual {

/// A model that can decode: its `forward` takes a cache, and it checks what continues a past. It may check a Capacity,
/// too, when a decoding of it is made.
template <class M>
concept DecodingModel = Component<M> &&
    requires(const M& model, const typename M::Params& p, typename M::Tape& t, typename M::Cache& cache,
             const typename M::Input& input, const Call<typename M::Scalar>& call, Carver<typename M::Scalar>& carver,
             const Room& room, const Past& past, Out<typename M::Scalar> out) {
  cache.carve(carver, model, room);
  cache.copy(Index(), Index(), Index());
  model.check(input, past);
  model.forward(p, t, input, call, out, &cache);
};

/// A model that attends to a memory, from which decoding starts.
template <class M>
concept ReadsMemory = requires {
  requires M::reads_memory;
};

/// Sequences that grow step by step, with the keys and values of all their tokens, so that a step computes the new
/// tokens alone. Its output has the bits of the same rows of `forward` over the whole sequences.
template <DecodingModel M>
class Decoding {
 public:
  using Scalar = typename M::Scalar;
  using S = Scalar;
  using Input = typename M::Input;

  /// The parameters and the executor must outlive it, and the parameters stay as they are while sequences grow. Throws
  /// when the parameters are another model's, when some self-attention is not causal, and when the capacity is not 1
  /// sequence of 1 token or more, is longer than the model has positions for, or larger than any memory.
  Decoding(const M& model, const Parameters<M>& theta, const Capacity& capacity,
           const Executor& executor = Serial::instance())
      : model_(model), theta_(&theta), executor_(&executor), sequences_(checked(model, capacity)) {
    expect(theta.fingerprint() == Parameters<M>::fingerprint(model), "Decoding: the parameters (", theta.size(),
           " numbers) belong to a model of another shape; make them with Parameters(model) of this model.");
    make_room(0);
  }
  Decoding(const M&, const Parameters<M>&, const Capacity&, const Executor&&) = delete;  // it would not outlive this
  Decoding(const M&, const Parameters<M>&&, const Capacity&, const Executor& = Serial::instance()) = delete;
  Decoding(const M&, const Parameters<M>&&, const Capacity&, const Executor&&) = delete;
  /// What was moved from may only be destroyed.
  Decoding(Decoding&&) = default;

  /// Forgets everything and begins with so many empty sequences. Throws when there is no room for them.
  void start(Index sequences) requires(!ReadsMemory<M>) {
    sequences_.expect_room(sequences);
    sequences_.start(Batch::of(std::vector<Index>(std::size_t(sequences), 0)));
    count();
  }
  /// The same with one empty sequence for each of the source, which is read once. Throws as `forward` would.
  template <class Model = M>
  void start(const typename Model::Source& source) requires(ReadsMemory<M>) {
    const Index sequences = source.batch.sequences();
    sequences_.expect_room(sequences);
    const Input input = model_.input_of(source, Batch::of(std::vector<Index>(std::size_t(sequences), 0)));
    model_.check(input);
    make_room(source.batch.tokens());
    sequences_.start(source.batch);
    count();
    const Call<S> call{workspace_, *executor_, nullptr, false};
    bind(input, call);
    model_.remember(**theta_, tape_, cache_, input, call);
  }

  /// The model's output for the tokens that sequence i of the input's batch adds to sequence i: none, one or more. It
  /// lies in the decoding's memory, until its next step. Throws, with nothing changed, when the input does not fit.
  In<S> step(const Input& input) {
    expect_fits(input);
    const Past past = sequences_.past(input.batch);
    model_.check(input, past);
    sequences_.hide(input.batch);
    const Call<S> call{workspace_, *executor_, nullptr, false, &past};
    bind(input, call);
    model_.forward(**theta_, tape_, input, call, y_, &cache_);
    sequences_.grow();
    return y_;
  }
  /// The same with the input's first fields one by one: step(batch, tokens), or step(batch, x) where the model takes
  /// vectors.
  template <class... Fields>
    requires(sizeof...(Fields) > 0)
  &&requires(const Batch& batch, const Fields&... fields) { Input{batch, fields...}; }
  In<S> step(const Batch& batch, const Fields&... fields) { return step(Input{batch, fields...}); }
  /// The same with one token for each sequence: step(tokens) or step(x).
  template <class Field>
    requires requires(const Batch& batch, const Field& field) { Input{batch, field}; }
  In<S> step(const Field& field) { return step(Input{singles_, field}); }

  /// From now on sequence i continues what was sequence from[i]. Those that nobody continues are dropped; several may
  /// continue one, and only for these is anything copied. Throws, with nothing changed, when there is no such sequence
  /// or no room.
  void reorder(std::span<const Index> from) {
    sequences_.expect_room(Index(from.size()));
    for (std::size_t k = 0; k < from.size(); ++k) {
      expect(from[k] >= 0 && from[k] < sequences(), "Decoding::reorder: from[", k, "] is ", from[k], ", but there are ",
             sequences(), " sequences, counted from 0.");
    }
    sequences_.reorder(from, [&](Index begin, Index to, Index count) { cache_.copy(begin, to, count); });
    count();
  }
  /// The same with numbers that are written out.
  void reorder(std::initializer_list<Index> from) { reorder(std::span<const Index>(from.begin(), from.size())); }

  /// Throws when there is no room for so many sequences.
  void expect_room(Index sequences) const { sequences_.expect_room(sequences); }

  Index sequences() const { return sequences_.size(); }
  /// Tokens of sequence i.
  Index length(Index i) const { return sequences_.length(i); }
  /// Tokens that sequence i may still take.
  Index room(Index i) const { return sequences_.longest() - length(i); }
  const M& model() const { return model_; }

 private:
  static const Capacity& checked(const M& model, const Capacity& capacity) {
    expect_capacity(model, capacity);
    return capacity;
  }
  void expect_fits(const Input& input) const {
    expect(input.batch.sequences() == sequences(), "Decoding: the step's batch has ", input.batch.sequences(),
           " sequences, but ", sequences(), " were started; give one length for each, 0 where no token is added.");
    for (Index i = 0; i < sequences(); ++i) {
      expect(input.batch.length(i) <= room(i), "Decoding: sequence ", i, " has ", length(i),
             " tokens and the step adds ", input.batch.length(i), ", but there is room for ", sequences_.longest(),
             "; make it with a larger `longest`.");
    }
    expect(!input.seed.has_value(), "Decoding: a step drops nothing, so it takes no seed; leave `seed` out.");
  }

  void make_room(Index memory) {
    const Room room{.tokens = sequences_.rows(), .memory = memory};
    cache_memory_.bind([&](Carver<S>& c) { c("", cache_, model_, room); });
  }
  void bind(const Input& input, const Call<S>& call) {
    tape_memory_.bind([&](Carver<S>& c) {
      c("y", y_, model_.output_rows(input), model_.output_cols());
      c("", tape_, model_, input, call);
    });
  }
  void count() {
    if (singles_.sequences() != sequences()) singles_ = Batch::of(std::vector<Index>(std::size_t(sequences()), 1));
  }

  M model_;
  const Parameters<M>* theta_;
  const Executor* executor_;
  CachedSequences sequences_;
  Batch singles_;  ///< one token a sequence
  Arena<S> cache_memory_, tape_memory_;
  Workspace<S> workspace_;
  typename M::Cache cache_;
  typename M::Tape tape_;
  TokensView<S> y_;
};

}  // namespace residual
