// A model that got new words: what the others say keeps its bits, and a new word is their mean, read or said.
// group: training
#include "residual/adapt/new_words.hpp"

#include <gtest/gtest.h>

#include "residual/model/language_model.hpp"
#include "residual/model/masked_language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/expect_sentence.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;
using test_support::same_bits;

constexpr Index words = 6, more = 2;

/// As many positions as words, which must stay as many.
Embedding<float> six_words() { return {words, 4, words, Positions::learned}; }

auto language_model_of_words(bool tied) {
  return language_model(PreLN<float>(4), {.dim = 4, .heads = 2, .hidden = 5, .depth = 1}, six_words(), {.tied = tied});
}
auto masked_model_of_words() {
  return MaskedLanguageModel(six_words(), encoder(PreLN<float>(4), {.dim = 4, .heads = 2, .hidden = 5, .depth = 1}),
                             WordHead<float>{4});
}

template <class M>
void expect_means(const M& model) {
  Parameters theta(model);
  test_support::randomise(theta, 1);
  const Parameters larger = with_new_words(theta, more);
  ASSERT_EQ(larger.model().output_cols(), words + more);

  const In<float> table = larger["embed_tokens.weight"];
  ASSERT_EQ(table.rows(), words + more);
  EXPECT_TRUE(same_bits(Tokens<float>(table.topRows(words)), Tokens<float>(theta["embed_tokens.weight"])));
  for (Index w = words; w < words + more; ++w) {
    for (Index j = 0; j < table.cols(); ++j) {
      long double sum = 0;
      for (Index old = 0; old < words; ++old) sum += table(old, j);
      EXPECT_EQ(table(w, j), float(sum / words)) << "word " << w << ", column " << j;
    }
  }

  const std::vector<int> tokens = {4, 0, 5, 2, 1};
  const Batch batch = Batch::of({2, 3});
  Tape tape(model), larger_tape(larger.model());
  const Tokens<float> before = forward(model, theta, tape, batch, tokens);
  const Tokens<float> after = forward(larger.model(), larger, larger_tape, batch, tokens);
  EXPECT_TRUE(same_bits(Tokens<float>(after.leftCols(words)), before));
  for (Index i = 0; i < before.rows(); ++i) {
    for (Index w = words; w < words + more; ++w) EXPECT_NEAR(after(i, w), before.row(i).mean(), 1e-5) << i << ", " << w;
  }
}

TEST(NewWords, AreTheMeanOfTheOthers) {
  expect_means(language_model_of_words(true));
  expect_means(language_model_of_words(false));
  expect_means(masked_model_of_words());
}

/// To the digits that no double has.
TEST(NewWords, AreTheMeanInLongDouble) {
  using S = long double;
  Parameters theta(language_model(PreLN<S>(4), {.dim = 4, .heads = 2, .hidden = 5, .depth = 1},
                                  Embedding<S>(words, 4, words, Positions::none)));
  test_support::randomise(theta, 1);
  theta.flat().array() /= 3;
  const Parameters larger = with_new_words(theta, 1);
  const Tokens<S> table = larger["embed_tokens.weight"];
  const Row<S> error = table.row(words) - table.topRows(words).colwise().mean();
  EXPECT_LE(double(error.cwiseAbs().maxCoeff()), 4 * double(std::numeric_limits<S>::epsilon()));
}

TEST(NewWords, OfWhichThereAreNoneChangeNothing) {
  Parameters theta(language_model_of_words(false));
  test_support::randomise(theta, 1);
  const Parameters same = with_new_words(theta, 0);
  EXPECT_EQ(same.model(), theta.model());
  EXPECT_TRUE(same_bits(same.flat(), theta.flat()));
}

TEST(NewWords, AreNotFewerThanNone) {
  const Parameters theta(language_model_of_words(true));
  expect_sentence([&] { with_new_words(theta, -1); }, {"-1 new words", "0 or more"});
  constexpr Index most = std::numeric_limits<Index>::max();
  expect_sentence([&] { with_new_words(theta, most); }, {"new words behind 6", "ask for fewer"});
  expect_sentence([&] { with_new_words(theta, most - words); }, {"embed_tokens.weight is [", "no memory holds"});
}

}  // namespace
