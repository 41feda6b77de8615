// Metrics of answers and translations, and intervals, against values computed by hand or by published programs.
// group: core
#include <gtest/gtest.h>

#include <string>

#include "residual/metrics/intervals.hpp"
#include "residual/metrics/sequences.hpp"
#include "residual/metrics/translation.hpp"
#include "support/expect_sentence.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;
using Texts = std::vector<std::string>;

std::size_t distance(const std::string& a, const std::string& b) {
  return edit_distance(std::span<const char>(a), std::span<const char>(b));
}

TEST(Sequences, EditDistance) {
  EXPECT_EQ(distance("kitten", "sitting"), 3u);
  EXPECT_EQ(distance("intention", "execution"), 5u);
  EXPECT_EQ(distance("", "abc"), 3u);
  EXPECT_EQ(distance("abc", ""), 3u);
  EXPECT_EQ(distance("abc", "abc"), 0u);
  EXPECT_EQ(distance("ab", "ba"), 2u);
}

TEST(Sequences, MatchesAndAccuracy) {
  const std::vector<int> target{4, 5, 6}, near_miss{4, 9, 6}, cut{4, 5}, longer{4, 5, 6, 7};
  const auto view = [](const std::vector<int>& v) { return std::span<const int>(v); };
  std::vector<int> writable = near_miss;
  EXPECT_EQ(exact_match(near_miss, std::span(writable)), 1);
  EXPECT_DOUBLE_EQ(token_accuracy(std::span(writable), target), 2. / 3);
  EXPECT_EQ(edit_distance(target, std::span<int, 3>(writable)), 1u);
  EXPECT_EQ(edit_distance(std::string("ab"), std::string_view("b")), 1u);
  EXPECT_EQ(exact_match(view(target), view(target)), 1);
  EXPECT_EQ(exact_match(view(near_miss), view(target)), 0);
  EXPECT_EQ(exact_match(view(longer), view(target)), 0);
  EXPECT_DOUBLE_EQ(token_accuracy(view(near_miss), view(target)), 2. / 3);
  EXPECT_DOUBLE_EQ(token_accuracy(view(cut), view(target)), 2. / 3);
  EXPECT_DOUBLE_EQ(token_accuracy(view(longer), view(target)), 1);
  expect_sentence([&] { token_accuracy(view(cut), std::span<const int>()); }, {"target is empty"});
}

/// The target 010 and an answer whose bits are each wrong with probability e: exact match expects (1 - e)^3, the share of right
/// tokens 1 - e, and the edit distance 3e - e^3, since 101 is two edits away and every other answer as many as bits are wrong.
TEST(Sequences, WhatIndependentErrorsLetThemExpect) {
  const std::vector<int> target{0, 1, 0};
  const std::span<const int> right(target);
  for (const double e : {0.0, 0.25, 0.5, 1.0}) {
    double match = 0, accuracy = 0, edits = 0;
    for (int bits = 0; bits < 8; ++bits) {
      const std::vector<int> answer{bits & 1, bits >> 1 & 1, bits >> 2 & 1};
      double probability = 1;
      for (std::size_t i = 0; i < 3; ++i) probability *= answer[i] == target[i] ? 1 - e : e;
      match += probability * exact_match(std::span<const int>(answer), right);
      accuracy += probability * token_accuracy(std::span<const int>(answer), right);
      edits += probability * double(edit_distance(std::span<const int>(answer), right));
    }
    EXPECT_NEAR(match, (1 - e) * (1 - e) * (1 - e), 1e-15);
    EXPECT_NEAR(accuracy, 1 - e, 1e-15);
    EXPECT_NEAR(edits, 3 * e - e * e * e, 1e-15);
  }
}

TEST(Sequences, GradesOfChoices) {
  const std::vector<double> p{0.2, 0.5, 0.3}, tied{0.5, 0.5};
  EXPECT_EQ(multiple_choice_grade(p, 1), 1);
  EXPECT_EQ(multiple_choice_grade(p, 2), 0);
  EXPECT_EQ(multiple_choice_grade(tied, 0), 1);
  EXPECT_EQ(multiple_choice_grade(tied, 1), 0);
  const double nan = std::nan("");
  for (const std::size_t place : {0u, 1u, 2u}) {
    std::vector<double> unknown{0.1, 0.8, 0.1};
    unknown[place] = nan;
    EXPECT_EQ(multiple_choice_grade(unknown, place), 0);
    EXPECT_EQ(multiple_choice_grade(unknown, 1), place == 1 ? 0 : 1);
    EXPECT_EQ(multiple_choice_grade(unknown, 0), place == 1 ? 1 : 0);
  }
  EXPECT_DOUBLE_EQ(brier_score(p, 1), 0.04 + 0.25 + 0.09);
  EXPECT_DOUBLE_EQ(brier_score(p, 0), 0.64 + 0.25 + 0.09);
  expect_sentence([&] { brier_score(p, 3); }, {"choice 3", "3 choices"});
  expect_sentence([&] { multiple_choice_grade(p, 3); }, {"choice 3", "3 choices"});
}

TEST(Translation, Splits13aTokens) {
  EXPECT_EQ(tokens_13a("Hello,world!"), (Texts{"Hello", ",", "world", "!"}));
  EXPECT_EQ(tokens_13a("It costs 3,500.50 euros, doesn't it?"),
            (Texts{"It", "costs", "3,500.50", "euros", ",", "doesn't", "it", "?"}));
  EXPECT_EQ(tokens_13a("1.5,x .5 3- 4-5 -6 x- &quot;q&quot; e.g. 10."),
            (Texts{"1.5", ",",  "x", ".",  "5", "3", "-", "4", "-",  "5", "-6",
                   "x-",  "\"", "q", "\"", "e", ".", "g", ".", "10", "."}));
  EXPECT_EQ(tokens_13a("a..b"), (Texts{"a", ".", ".", "b"}));
  EXPECT_EQ(tokens_13a("a..5"), (Texts{"a", ".", ".5"})) << "a character was in two pairs";
  EXPECT_EQ(tokens_13a("5..a 1.,2"), (Texts{"5", ".", ".", "a", "1", ".", ",", "2"}));
  EXPECT_EQ(tokens_13a("1-2-3 1--2"), (Texts{"1", "-", "2", "-", "3", "1", "-", "-2"}));
  EXPECT_EQ(tokens_13a("foo-\n"), Texts{"foo-"}) << "the line's end comes before the hyphen";
  EXPECT_EQ(tokens_13a("foo-\nbar \n"), Texts{"foobar"});
  EXPECT_EQ(tokens_13a("&amp;lt; &lt;&gt;<skipped>x"), (Texts{"<", "<", ">", "x"}));
  EXPECT_EQ(tokens_13a("a/b c@d {e|f}~g"), (Texts{"a", "/", "b", "c", "@", "d", "{", "e", "|", "f", "}", "~", "g"}));
  EXPECT_EQ(tokens_13a("[h\\i]^j_k`l"), (Texts{"[", "h", "\\", "i", "]", "^", "j", "_", "k", "`", "l"}));
  EXPECT_EQ(tokens_13a("  "), Texts{});
}

const Texts answers{"The cat sat on the mat.", "It costs 3,500.50 euros, doesn't it?",
                    "A well-known fact: 5-10 of them (or more) & others."};
const Texts references{"The cat is sitting on the mat.", "It costs 3,500.50 euros, does it not?",
                       "A well known fact: 5-10 of them (or more) and others."};

/// nltk 3.8 corpus_bleu over the same tokens.
TEST(Translation, Bleu) {
  EXPECT_NEAR(bleu(answers, references), 57.89758107741426, 1e-11);
  EXPECT_NEAR(bleu(references, references), 100, 1e-11);
  // c = 3, r = 6: p = 3/3, 2/2, 1/1 and no run of four at all.
  EXPECT_EQ(bleu(Texts{"the cat is"}, Texts{"the cat is on the mat"}), 0);
  // 4 of 5, 2 of 4, 1 of 3, and none of 2, which counts 1/2.
  EXPECT_NEAR(bleu(Texts{"a b c x d"}, Texts{"a b c d e"}), 100 * std::pow(0.8 * 0.5 / 3 * 0.25, 0.25), 1e-11);
  // 5 of 6, 4 of 5, 3 of 4, 2 of 3: a translation longer than its reference gains nothing by its length.
  EXPECT_NEAR(bleu(Texts{"a b c d e f"}, Texts{"a b c d e"}), 100 * std::pow(1. / 3, 0.25), 1e-11);
  EXPECT_EQ(bleu(Texts{"x"}, Texts{"y"}), 0);
  EXPECT_EQ(bleu(Texts{"a b c d e"}, Texts{"v w x y z"}), 0) << "where no word is right nothing is smoothed";
  expect_sentence([] { bleu(Texts{"a"}, Texts{}); }, {"1 translations and 0 references"});
}

/// The definition in ten lines of Python, for the corpus; and by hand.
TEST(Translation, Chrf) {
  EXPECT_NEAR(chrf(answers, references), 74.09333756426527, 1e-9);
  EXPECT_NEAR(chrf(references, references), 100, 1e-11);
  EXPECT_NEAR(chrf(Texts{"abc"}, Texts{"abd"}), 100 * (2. / 3 + 1. / 2) / 3, 1e-11);
  EXPECT_NEAR(chrf(Texts{"\xC3\xA4 b"}, Texts{"\xC3\xA4"
                                              "b"}),
              100, 1e-11);  // white space does not count
  EXPECT_EQ(chrf(Texts{"a"}, Texts{"b"}), 0);
  EXPECT_EQ(chrf(Texts{"\xC3\xA4"}, Texts{"\xC3\xB6"}), 0) << "letters whose first bytes are the same";
  EXPECT_NEAR(chrf(Texts{"abc"}, Texts{"ab"}, 1, 0), 100 * 2. / 3, 1e-11) << "with beta 0 it is the precision";
  expect_sentence([] { chrf(answers, references, 0); }, {"0 characters", "1 or more"});
  for (const double beta : {-1.0, std::nan(""), std::numeric_limits<double>::infinity(), 1e200}) {
    expect_sentence([&] { chrf(answers, references, 6, beta); }, {"beta is", "0 or more"});
  }
}

/// Runs of 3 letters and more count of the second answer alone: P is the mean of 8/16, 6/14 and four times 1, and R is 1.
TEST(Translation, ChrfOfAReferenceThatIsShort) {
  EXPECT_NEAR(chrf(Texts{"abcdefghij", "the cat"}, Texts{"ab", "the cat"}), 95.8333333333333, 1e-11);
}

/// Python's white space, and what looks like it.
TEST(Translation, WhiteSpaceOfUnicode) {
  const Texts spaces{"\t",           "\r",           "\x1C",         "\x1F",         " ",
                     "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x8A",
                     "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};
  for (const std::string& space : spaces) {
    EXPECT_EQ(tokens_13a("1" + space + "000 euros" + space), (Texts{"1", "000", "euros"})) << space;
    EXPECT_NEAR(bleu(Texts{"1" + space + "000 euros or so"}, Texts{"1 000 euros or so"}), 100, 1e-11);
    EXPECT_NEAR(chrf(Texts{"1" + space + "000 euros"}, Texts{"1 000 euros"}), 100, 1e-11);
  }
  for (const std::string letter : {"\x1B", "\xC2\x86", "\xC3\xA0", "\xE2\x80\x8B", "\xE2\x80\xAA", "\xE3\x80\x81"}) {
    EXPECT_EQ(tokens_13a("1" + letter + "2"), Texts{"1" + letter + "2"});
    EXPECT_LT(chrf(Texts{"1" + letter + "2"}, Texts{"12"}), 100);
  }
}

/// Wilson's interval of 8 of 10 at 95 % as tables have it, and the ends.
TEST(Intervals, Wilson) {
  const Interval w = wilson_interval(8, 10);
  EXPECT_NEAR(w.low, 0.4902, 5e-5);
  EXPECT_NEAR(w.high, 0.9433, 5e-5);
  EXPECT_EQ(wilson_interval(0, 10).low, 0);
  EXPECT_DOUBLE_EQ(wilson_interval(10, 10).high, 1);
  EXPECT_NEAR(wilson_interval(0, 10).high, 0.2775, 5e-5);
  expect_sentence([] { wilson_interval(3, 2); }, {"3 successes of 2 trials"});
  for (const double z : {0.0, -1.96, std::nan(""), std::numeric_limits<double>::infinity(), 1e200}) {
    expect_sentence([&] { wilson_interval(5, 10, z); }, {"z is", "greater than 0"});
  }
}

/// Of none and of all, rounding carries the formula's end beyond 0 and 1 for many numbers of trials.
TEST(Intervals, WilsonsLieBetween0And1) {
  for (std::size_t trials = 1; trials <= 1000; ++trials) {
    EXPECT_GE(wilson_interval(0, trials).low, 0) << trials;
    EXPECT_LE(wilson_interval(trials, trials).high, 1) << trials;
  }
}

TEST(Intervals, MeansAndDeviations) {
  const std::vector<double> v{2, 4, 4, 4, 5, 5, 7, 9};
  EXPECT_DOUBLE_EQ(mean(v), 5);
  EXPECT_DOUBLE_EQ(standard_deviation(v), std::sqrt(32. / 7));
  EXPECT_DOUBLE_EQ(median(v), 4.5);
  EXPECT_DOUBLE_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(standard_deviation(std::vector<double>{3}), 0);
  expect_sentence([] { mean({}); }, {"no values"});
  expect_sentence([] { median({}); }, {"no values"});
}

/// std::sort and std::minmax_element give anything where one value is NaN, wherever it stands.
TEST(Intervals, OfNanAreNan) {
  const auto expect_nan = [](const Interval& interval) {
    EXPECT_TRUE(std::isnan(interval.low));
    EXPECT_TRUE(std::isnan(interval.high));
  };
  const std::vector<double> known{1, 2, 3, 4, 5};
  for (std::size_t place = 0; place < known.size(); ++place) {
    std::vector<double> v = known;
    v[place] = std::nan("");
    EXPECT_TRUE(std::isnan(mean(v)));
    EXPECT_TRUE(std::isnan(standard_deviation(v)));
    EXPECT_TRUE(std::isnan(median(v))) << place;
    EXPECT_TRUE(std::isnan(emergence_score(v))) << place;
    std::vector<double> equal(5, 1.0);
    equal[place] = std::nan("");
    EXPECT_TRUE(std::isnan(emergence_score(equal))) << place;
    expect_nan(bootstrap_mean(v));
    for (std::uint64_t seed = 1; seed <= 5; ++seed) expect_nan(bootstrap_mean(v, 0.95, 1, seed));  // drawn or not
    expect_nan(paired_bootstrap(v, known));
    expect_nan(paired_bootstrap(known, v));
    expect_nan(bootstrap_interval(5, [&](std::span<const std::size_t> places) { return v[places[0]]; }));
  }
}

/// The bootstrap of a mean is about as wide as the normal interval, and the same for one seed.
TEST(Intervals, Bootstrap) {
  std::vector<double> v;
  for (int i = 0; i < 400; ++i) v.push_back(double(i * 37 % 400));
  const Interval b = bootstrap_mean(v), again = bootstrap_mean(v);
  const double half = 1.96 * standard_deviation(v) / 20;
  EXPECT_EQ(b.low, again.low);
  EXPECT_NEAR(b.high - b.low, 2 * half, 0.15 * half);
  EXPECT_LT(b.low, mean(v));
  EXPECT_GT(b.high, mean(v));
  for (const double confidence : {1.5, 1.0, 0.0, -0.5, std::nan("")}) {
    expect_sentence([&] { bootstrap_mean(v, confidence); }, {"confidence is", "between 0 and 1"});
  }
  expect_sentence([] { bootstrap_mean({}); }, {"0 values and 2000 resamples"});
  expect_sentence([&] { bootstrap_mean(v, 0.95, 0); }, {"400 values and 0 resamples"});
}

/// A constant difference is found exactly, however far the pairs lie apart; of the differences 0 and 1 every resample of two
/// has the mean 0, 1/2 or 1, of which the ends are each a quarter.
TEST(Intervals, PairedBootstrap) {
  const std::vector<double> a{1, 20, 300}, b{0.5, 19.5, 299.5}, c{1, 2}, d{1, 1};
  const Interval same = paired_bootstrap(a, b), two = paired_bootstrap(c, d), half = paired_bootstrap(c, d, 0.4);
  EXPECT_EQ(same.low, 0.5);
  EXPECT_EQ(same.high, 0.5);
  EXPECT_EQ(two.low, 0);
  EXPECT_EQ(two.high, 1);
  EXPECT_EQ(half.low, 0.5);
  EXPECT_EQ(half.high, 0.5);
  EXPECT_EQ(paired_bootstrap(d, c).high, 0);
  expect_sentence([&] { paired_bootstrap(a, c); }, {"3 and 2 values", "pairs"});
}

TEST(Intervals, EmergenceScore) {
  EXPECT_NEAR(emergence_score(std::vector<double>{0, 0.1, 0.2, 0.3, 0.4}), 4, 1e-9);       // steady
  EXPECT_NEAR(emergence_score(std::vector<double>{0, 0.01, 0.02, 0.03, 0.93}), 93, 1e-9);  // a jump
  EXPECT_NEAR(emergence_score(std::vector<double>{0.4, 0.3, 0.2, 0.1, 0}), -4, 1e-9);
  EXPECT_EQ(emergence_score(std::vector<double>{1, 1, 1}), 0);
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(emergence_score(std::vector<double>{0, 0, 0, 1}), infinity);
  EXPECT_EQ(emergence_score(std::vector<double>{1, 0, 0, 0}), -infinity);
  EXPECT_EQ(emergence_score(std::vector<double>{1, 0, 1}), -1);  // of equal extremes the first counts
  EXPECT_EQ(emergence_score(std::vector<double>{0, 1, 0}), 1);
  for (const std::vector<double>& few : {std::vector<double>{}, std::vector<double>{1}}) {
    expect_sentence([&] { emergence_score(few); }, {"needs two"});
  }
}

}  // namespace
