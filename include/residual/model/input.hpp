#pragma once

#include <span>

#include "residual/core/arena.hpp"
#include "residual/core/lasting.hpp"
#include "residual/layers/layer.hpp"
#include "residual/wiring/observer.hpp"

namespace residual {

/// What a stack reads in one call. What the windows show must stay as it is until backward has run.
template <class S>
struct Input {
  Batch batch;                             ///< the sequences of x
  Lasting<In<S>> x;                        ///< [tokens x dim]
  Batch memory_batch = {};                 ///< decoder: the sequences of memory, as many as x has
  Lasting<In<S>> memory = {};              ///< decoder: the encoder's output, [memory tokens x dim]
  Lasting<Mask<S>> attn_mask = {};         ///< of self-attention, [n x n] for the longest sequence
  Lasting<Mask<S>> memory_mask = {};       ///< of cross-attention, [n x m]
  std::optional<std::uint64_t> seed = {};  ///< of dropout; without one nothing is dropped
  std::uint64_t first_site = 0;            ///< of this stack's sub-layers among all that draw dropout from the seed
  Lasting<std::span<const Index>> positions =
      {};  ///< each token's place, for rotary and learned positions; empty: 0, 1, 2, ...
};

/// Where backward adds the gradient of an input; left out: not wanted. It takes what Out<S> takes.
template <class S>
struct WantedGradient : Out<S> {
  WantedGradient() = default;
  /// The window Out<S>(m).
  template <class M>
    requires(!std::derived_from<std::remove_cvref_t<M>, WantedGradient> && std::constructible_from<Out<S>, M>)
  WantedGradient(M&& m) : Out<S>(std::forward<M>(m)), given_(!std::derived_from<std::remove_cvref_t<M>, Out<S>>) {}
  /// Says what a matrix must be that is no such window.
  template <class M>
    requires(std::derived_from<std::remove_cvref_t<M>, Eigen::EigenBase<std::remove_cvref_t<M>>> &&
             !std::constructible_from<Out<S>, M>)
  WantedGradient(M&&) {
    static_assert(
        sizeof(M) == 0,
        "backward: where an input's gradient is added must be row-major, of the model's scalar and not const; "
        "give a Tokens<float>.");
  }
  /// Whether it is wanted: a matrix that was given without entries is, so that its shape is refused.
  bool wanted() const { return given_ || this->data() != nullptr; }

 private:
  bool given_ = false;
};

/// Where backward adds the gradients of an Input.
template <class S>
struct InputGradient {
  WantedGradient<S> x = {};       ///< of x
  WantedGradient<S> memory = {};  ///< of the memory
};

/// What a tape lends to one call.
template <class S>
struct Call {
  Workspace<S>& workspace;                 ///< where temporaries come from
  const Executor& executor;                ///< spreads the work over threads
  Observer<S>* observer;                   ///< nullptr: nobody
  bool keep;                               ///< whether backward may follow
  const CachedContext* context = nullptr;  ///< what the input continues, in a step of decoding
};

/// Throws when the window shows memory of the arena.
template <class S>
void expect_outside(const char* who, const Arena<S>& arena, const char* name, const In<S>& window) {
  expect(window.size() == 0 || !arena.holds(window.data()), who, ": ", name,
         " shows memory that this call overwrites, such as the last output; copy it into a matrix of your own first.");
}
/// Throws when the mask shows memory of the arena.
template <class S>
void expect_outside(const char* who, const Arena<S>& arena, const char* name, const Mask<S>& mask) {
  expect_outside(who, arena, name, mask.added);
}
/// Throws when a window of a model's input shows memory of the arena, which the call is going to overwrite.
template <class S, class ModelInput>
void expect_outside(const char* who, const Arena<S>& arena, const ModelInput& input) {
  if constexpr (requires { input.x; }) expect_outside(who, arena, "x", input.x);
  if constexpr (requires { input.memory; }) expect_outside(who, arena, "memory", input.memory);
  if constexpr (requires { input.src; }) expect_outside(who, arena, "src", input.src);
  if constexpr (requires { input.attn_mask; }) expect_outside(who, arena, "attn_mask", input.attn_mask);
  if constexpr (requires { input.memory_mask; }) expect_outside(who, arena, "memory_mask", input.memory_mask);
  if constexpr (requires { input.src_mask; }) expect_outside(who, arena, "src_mask", input.src_mask);
}

/// Throws unless `mask` is empty, or has as many matrices as it says, and each covers the longest pair of sequences with
/// `most_rows` rows at most.
template <class S, class Queries, class Keys>
void expect_mask(const char* name, const Mask<S>& mask, const Queries& queries, const Keys& keys, Index heads,
                 Index most_rows) {
  if (mask.size() == 0) return;
  expect(!mask.by_head || heads > 0, name,
         " differs by head, but the sub-layers that read it have different numbers of heads; give one for all heads.");
  const Index count = std::max<Index>(mask.count(queries.sequences(), heads), 1), rows = mask.added.rows(),
              cols = mask.added.cols();
  if (count > 1) {
    expect(rows % count == 0, name, " has ", counted(rows, "row"), ", but they must be those of ", count,
           " matrices, one a ", mask.by_sequence ? "sequence" : "", mask.by_sequence && mask.by_head ? " and " : "",
           mask.by_head ? "head" : "", ", stacked.");
  }
  expect(rows / count >= queries.longest() && cols >= keys.longest(), name, " is [", rows / count, " x ", cols,
         "], but the longest sequence has ", counted(queries.longest(), "query", "queries"), " and ",
         counted(keys.longest(), "key"), "; give one row a query and one column a key, or no mask.");
  expect(rows / count <= most_rows, name, " is [", rows / count, " x ", cols, "], but ", most_rows,
         " rows at most would be read; masks that differ by sequence or head are stacked and say so: {mask, "
         "by_sequence, by_head}.");
}
/// Throws unless the mask of self-attention fits: it has a column for every row.
template <class S, class Tokens>
void expect_self_mask(const char* name, const Mask<S>& mask, const Tokens& tokens, Index heads) {
  expect_mask(name, mask, tokens, tokens, heads, mask.added.cols());
}

/// The most rows that a matrix of memory_mask may have: any number, so that a mask of the longest sequences serves all, but the
/// queries' alone where it has exactly the shape of masks that differ by sequence or head, stacked, and does not say so.
template <class S>
Index most_memory_mask_rows(const Mask<S>& mask, const Batch& queries, const Batch& keys, Index heads) {
  const Index sequences = queries.sequences(), count = std::max<Index>(mask.count(sequences, heads), 1),
              rows = mask.added.rows() / count;
  const auto stacked = [&](Index matrices) { return matrices > 1 && rows == matrices * queries.longest(); };
  const bool looks_stacked = (!mask.by_sequence && stacked(sequences)) || (!mask.by_head && stacked(heads)) ||
                             (!mask.by_sequence && !mask.by_head && stacked(sequences * heads));
  return looks_stacked && mask.added.cols() == keys.longest() ? queries.longest() : rows;
}

/// Throws unless there is a position, 0 or more, for each token, or none at all.
inline void expect_positions(std::span<const Index> positions, const Batch& batch) {
  expect(positions.empty() || Index(positions.size()) == batch.tokens(), "positions has ",
         counted(positions.size(), "entry", "entries"), ", but the batch has ", counted(batch.tokens(), "token"),
         "; give one a token, or none.");
  for (std::size_t i = 0; i < positions.size(); ++i) {
    expect(positions[i] >= 0, "positions[", i, "] is ", positions[i], ", but a position must be 0 or more.");
  }
}

/// Throws when a mask was given that nobody would read.
template <class S>
void expect_no_memory_mask(const Input<S>& input) {
  expect(input.memory_mask.size() == 0, "A memory_mask, [", input.memory_mask.added.rows(), " x ",
         input.memory_mask.added.cols(),
         "], was given to a stack without cross-attention; the mask of self-attention is `attn_mask`.");
}

/// Throws unless the input fits a stack of width `dim`.
template <class S>
void expect_input(const Input<S>& input, Index dim, bool reads_memory, Index heads, Index memory_heads) {
  expect_shape("x", input.x, input.batch.tokens(), dim);
  expect_positions(input.positions, input.batch);
  expect_self_mask("attn_mask", input.attn_mask, input.batch, heads);
  if (!reads_memory) {
    expect(input.memory.size() == 0 && input.memory_batch.tokens() == 0,
           "A memory was given to a stack without cross-attention; leave `memory` and `memory_batch` out.");
    return expect_no_memory_mask(input);
  }
  expect_shape("memory", input.memory, input.memory_batch.tokens(), dim,
               "one row a token of memory_batch, one column a feature");
  expect(input.memory_batch.sequences() == input.batch.sequences(), "memory_batch has ",
         counted(input.memory_batch.sequences(), "sequence"), ", but batch has ", input.batch.sequences(),
         "; sequence i of the one reads sequence i of the other.");
  expect_mask("memory_mask", input.memory_mask, input.batch, input.memory_batch, memory_heads,
              most_memory_mask_rows<S>(input.memory_mask, input.batch, input.memory_batch, memory_heads));
}

/// Throws unless the input is a step of a stack of width `dim` that continues `context`.
template <class S>
void expect_step(const Input<S>& input, Index dim, const CachedContext& context, bool reads_memory, Index heads,
                 Index memory_heads) {
  expect_shape("x", input.x, input.batch.tokens(), dim);
  expect(input.memory.size() == 0 && input.memory_batch.tokens() == 0,
         "A memory was given to a step of decoding, which has it from `start`; leave `memory` and `memory_batch` out.");
  expect_positions(input.positions, input.batch);
  expect_self_mask("attn_mask", input.attn_mask, context.tokens, heads);
  if (!reads_memory) return expect_no_memory_mask(input);
  expect_mask("memory_mask", input.memory_mask, context.tokens, context.memory, memory_heads,
              input.memory_mask.added.rows());
}

/// What surrounds the layers of a call.
template <class S>
Pass<S> make_pass(const Input<S>& input, const Call<S>& call) {
  return {.batch = input.batch,
          .workspace = call.workspace,
          .executor = call.executor,
          .attn_mask = input.attn_mask,
          .memory_batch = input.memory_batch,
          .memory = input.memory,
          .dmemory = {},
          .memory_mask = input.memory_mask,
          .seed = input.seed,
          .site = input.first_site,
          .positions = input.positions,
          .keep = call.keep,
          .context = call.context,
          .linear_inputs = call.observer};
}

}  // namespace residual
