#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "residual/core/batch.hpp"
#include "residual/core/kv_cache.hpp"
#include "residual/core/workspace.hpp"
#include "residual/kernel/row_source.hpp"
#include "residual/layers/attention/mask.hpp"

namespace residual {

/// Is shown what linear maps read in forward passes: a `Pass` brings it to the layers. Observer is one.
template <class S>
class LinearInputs {
 public:
  virtual ~LinearInputs() = default;
  /// The linear map of this weight, or of these columns of a weight, is computed for x: the rows of a pass or some of
  /// them, each row in one call. `weight` shows the memory of the parameters, which says whose it is.
  virtual void linear_input(In<S> /*weight*/, In<S> /*x*/) {}
};

/// What surrounds one call of a layer: the batch whose tokens enter, one a row, and what some layers need beside it.
template <class S>
struct Pass {
  const Batch& batch;
  Workspace<S>& workspace;
  const Executor& executor = Serial::instance();
  Mask<S> attn_mask = {};   ///< of self-attention, [n x n]
  Batch memory_batch = {};  ///< the encoder's output, which cross-attention reads, and its gradient
  In<S> memory = {};
  Out<S> dmemory = {};
  Mask<S> memory_mask = {};                  ///< of cross-attention, [n x m]
  std::optional<std::uint64_t> seed = {};    ///< of dropout; without one nothing is dropped
  std::uint64_t site = 0;                    ///< tells sub-layers apart, so that each draws its own dropout
  Index block = 0;                           ///< of the stack, for layers that differ from block to block
  std::span<const Index> positions = {};     ///< a token's place for what encodes positions; empty: 0, 1, 2, ...
  bool keep = true;                          ///< whether backward follows; if not, a layer's tape lasts for one call
  const CachedContext* context = nullptr;    ///< what the batch continues, in a step of decoding
  LinearInputs<S>* linear_inputs = nullptr;  ///< who sees them; nullptr: nobody, as always in backward

  Index tokens() const { return batch.tokens(); }
  /// Tokens of a sequence that came before those of the batch.
  Index earlier(Index sequence) const {
    return context == nullptr ? 0 : context->tokens.length(sequence) - batch.length(sequence);
  }
  /// The place of token i of a sequence, for what encodes positions.
  Index position(Index sequence, Index i) const {
    return positions.empty() ? earlier(sequence) + i : positions[std::size_t(batch.begin(sequence) + i)];
  }
  /// Rows of what only backward reads.
  Index kept_tokens() const { return keep ? tokens() : 0; }
  /// x, from its copy in `to`.
  In<S> copied(In<S> x, Out<S> to) const {
    assign_rows<S>(executor, x, to);
    return to;
  }
};

}  // namespace residual
