// The gradients of an encoder-decoder and of a language model, whose embedding has its gradient from both ends, against
// long double differences.
// labels: slow
#include <gtest/gtest.h>

#include "residual/residual.hpp"
#include "support/gradient_problem.hpp"
#include "support/random_sizes.hpp"
#include "support/schemes.hpp"
#include "support/stacks.hpp"

namespace {

using namespace residual;
using test_support::check_gradient;
using test_support::Random;
using test_support::Scene;

constexpr std::uint64_t cases = 5;

/// What an encoder-decoder reads.
template <class S>
struct Translation : Scene<S> {
  Tokens<S> src_mask;
  static constexpr std::array variable_names{"x", "src"};

  template <class M>
  typename M::Input input() const {
    return {this->batch,     this->x,           this->memory_batch, this->memory,
            this->attn_mask, this->memory_mask, src_mask,           this->seed};
  }
  template <class T>
  Translation<T> cast() const {
    return {Scene<S>::template cast<T>(), src_mask.template cast<T>()};
  }
};

/// check(number of a scheme, number of a model) for all schemes.
template <class Check>
void for_every_scheme(const Check& check) {
  for (std::size_t scheme = 0; scheme < test_support::every_scheme<double>().size(); ++scheme) {
    SCOPED_TRACE(test_support::every_scheme<double>()[scheme].name);
    for (std::uint64_t number = 0; number < cases; ++number) check(scheme, scheme * cases + number);
  }
}

TEST(ModelGradient, EncoderDecoder) {
  for_every_scheme([](std::size_t scheme_number, std::uint64_t number) {
    Random random(number);
    Sizes sizes = test_support::random_sizes(random);
    const Index depth = std::exchange(sizes.depth, random.integer(0, 2));
    SCOPED_TRACE("model " + std::to_string(number) + ": " + test_support::text(sizes));
    Translation<double> scene{test_support::random_scene(random, sizes.dim, true), {}};
    if (random.chance(0.5)) {
      const Index longest = scene.memory_batch.longest();
      scene.src_mask = test_support::random_mask(random, longest, longest, 0.2);
    }
    const Random options(random.bits());
    const auto make = [&]<class S>(S) {
      const auto scheme = test_support::every_scheme<S>()[scheme_number].random(options, sizes.dim);
      Sizes encoder_sizes = sizes;
      encoder_sizes.depth = std::min<Index>(depth, 2);
      return encoder_decoder(encoder<GatedFeedForward>(scheme, encoder_sizes), decoder(scheme, sizes));
    };
    const auto report = check_gradient(make, scene, random, 1e-11L, test_support::Differences::by_tensor);
    EXPECT_TRUE(report) << report.message();
  });
}

/// What a language model reads.
template <class S>
struct Text {
  Batch batch;
  std::vector<int> words, types;
  Tokens<S> attn_mask;
  std::optional<std::uint64_t> seed;

  template <class M>
  typename M::Input input() const {
    return {batch, words, attn_mask, seed, {}, types};
  }
  static constexpr std::array<const char*, 0> variable_names{};
  std::array<Tokens<S>*, 0> variables() { return {}; }
  template <class T>
  Text<T> cast() const {
    return {batch, words, types, attn_mask.template cast<T>(), seed};
  }
};

TEST(ModelGradient, LanguageModel) {
  for_every_scheme([](std::size_t scheme_number, std::uint64_t number) {
    Random random(number);
    Sizes sizes = test_support::random_sizes(random);
    sizes.depth = std::min<Index>(sizes.depth, 2);
    SCOPED_TRACE("model " + std::to_string(number) + ": " + test_support::text(sizes));
    const auto scene = test_support::random_scene(random, sizes.dim, false);
    const Index vocabulary = random.integer(1, 6);
    Text<double> text{scene.batch, {}, {}, scene.attn_mask, scene.seed};
    const bool typed = random.chance(0.5), normed = random.chance(0.5);
    for (Index i = 0; i < scene.batch.tokens(); ++i) {
      text.words.push_back(int(random.integer(0, vocabulary - 1)));
      if (typed) text.types.push_back(int(random.integer(0, 1)));
    }
    const auto positions = random.one_of({Positions::none, Positions::learned, Positions::sinusoidal});
    const Index first = random.integer(0, 2);
    const Logits logits{.tied = random.chance(0.5), .softcap = random.chance(0.5) ? 1.5 : 0};
    const Random options(random.bits());
    const auto make = [&]<class S>(S) {
      Embedding<S> embedding(vocabulary, sizes.dim, 5, positions, first);
      embedding.dropout = sizes.dropout;
      embedding.token_types = typed ? 2 : 0;
      if (normed) embedding.norm = LayerNorm<S>(sizes.dim, S(0.1L));
      return language_model(test_support::every_scheme<S>()[scheme_number].random(options, sizes.dim), sizes, embedding,
                            logits);
    };
    const auto report = check_gradient(make, text, random);
    EXPECT_TRUE(report) << report.message();
  });
}

}  // namespace
