#pragma once

#include "residual/model/token_encoder_decoder.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/random.hpp"

namespace test_support {

using namespace residual;

inline constexpr Index width = 4, words = 4, source_words = 5, longest = 7;

/// How the ends of a model are made.
struct Kind {
  Positions positions = Positions::sinusoidal;
  bool shared = true, tied = true;
  double dropout = 0;
};
template <class S>
TokenEnds<S> ends(const Kind& kind) {
  TokenEnds<S> ends{.target = Embedding<S>(words, width, longest, kind.positions)};
  ends.target.dropout = kind.dropout;
  if (!kind.shared) ends.source = Embedding<S>(source_words, width, longest, kind.positions);
  if (!kind.tied) ends.projection = Linear<S>{width, words};
  return ends;
}
template <class S>
auto translator(const Kind& kind) {
  Sizes sizes{.dim = width, .heads = 2, .hidden = 5, .depth = 1, .dropout = kind.dropout};
  const auto source = encoder(PostLN<S>(width), sizes);
  sizes.causal = true;
  return token_encoder_decoder(encoder_decoder(source, decoder(PreLN<S>(width), sizes)), ends<S>(kind));
}

inline std::vector<int> random_words(Random& random, Index count, Index vocabulary = words) {
  std::vector<int> tokens(std::size_t(count), 0);
  for (int& token : tokens) token = int(random.integer(0, vocabulary - 1));
  return tokens;
}

}  // namespace test_support
