#pragma once

#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "residual/core/batch.hpp"
#include "support/random.hpp"

namespace test_support {

using residual::Batch;
using residual::Tokens;

/// What a stack reads, with its memory.
template <class S>
struct Scene {
  Batch batch, memory_batch;
  Tokens<S> x, memory, attn_mask, memory_mask;
  std::optional<std::uint64_t> seed;

  template <class M>
  typename M::Input input() const {
    return {batch, x, memory_batch, memory, attn_mask, memory_mask, seed};
  }
  /// What has a gradient, in the order of the model's Gradient.
  static constexpr std::array variable_names{"x", "memory"};
  std::array<Tokens<S>*, 2> variables() { return {&x, &memory}; }

  template <class T>
  Scene<T> cast() const {
    return {batch,
            memory_batch,
            x.template cast<T>(),
            memory.template cast<T>(),
            attn_mask.template cast<T>(),
            memory_mask.template cast<T>(),
            seed};
  }
};

/// Sequences of the given lengths, some with hidden keys.
inline Batch random_batch(Random& random, const std::vector<Index>& lengths, double hidden) {
  const Batch batch = Batch::of(lengths);
  if (hidden == 0) return batch;
  std::vector<std::uint8_t> mask;
  for (Index i = 0; i < batch.tokens(); ++i) mask.push_back(random.chance(hidden) ? 1 : 0);
  return batch.hiding(mask);
}

/// Numbers to add to logits, -infinity among them.
inline Tokens<double> random_mask(Random& random, Index queries, Index keys, double blocked) {
  Tokens<double> mask = random.tokens(queries, keys);
  for (Index i = 0; i < mask.size(); ++i) {
    if (random.chance(blocked)) mask.data()[i] = -std::numeric_limits<double>::infinity();
  }
  return mask;
}

/// Sequences of the given lengths without masks; with memory lengths a memory too.
inline Scene<double> plain_scene(Random& random, Index dim, const std::vector<Index>& lengths,
                                 const std::vector<Index>& memory_lengths = {}) {
  Scene<double> scene{Batch::of(lengths), Batch::of(memory_lengths), {}, {}, {}, {}, {}};
  scene.x = random.tokens(scene.batch.tokens(), dim);
  scene.memory = random.tokens(scene.memory_batch.tokens(), dim);
  return scene;
}

/// A plain scene with hidden keys, masks that block some keys, and one query that sees none.
inline Scene<double> masked_scene(Random& random, Index dim, const std::vector<Index>& lengths,
                                  const std::vector<Index>& memory_lengths = {}) {
  Scene<double> scene = plain_scene(random, dim, lengths, memory_lengths);
  const auto mask = [&](const Batch& keys) {
    auto m = random_mask(random, scene.batch.longest(), keys.longest(), 0.3);
    if (m.rows() > 0) m.row(m.rows() / 2).setConstant(-std::numeric_limits<double>::infinity());
    return m;
  };
  scene.attn_mask = mask(scene.batch);
  scene.batch = random_batch(random, lengths, 0.25);
  if (memory_lengths.empty()) return scene;
  scene.memory_mask = mask(scene.memory_batch);
  scene.memory_batch = random_batch(random, memory_lengths, 0.25);
  return scene;
}

/// Up to three sequences of 0 to 4 tokens, with or without hidden keys, masks and dropout.
inline Scene<double> random_scene(Random& random, Index dim, bool with_memory) {
  std::vector<Index> lengths(std::size_t(random.integer(1, 4))), memory_lengths;
  for (auto& length : lengths) length = random.integer(0, 4);
  if (with_memory) memory_lengths.resize(lengths.size());
  for (auto& length : memory_lengths) length = random.integer(0, 4);
  auto scene = (random.chance(0.5) ? plain_scene : masked_scene)(random, dim, lengths, memory_lengths);
  if (random.chance(0.5)) scene.seed = random.bits();
  return scene;
}

}  // namespace test_support
