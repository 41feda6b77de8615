// Options that cannot be are refused where they are given, in a sentence.
#include <gtest/gtest.h>

#include "residual/core/threads.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/model/decoder.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/expect_sentence.hpp"

namespace {

using namespace residual;
using test_support::expect_sentence;

const double nan = std::numeric_limits<double>::quiet_NaN();

TEST(Sizes, MustFitEachOther) {
  const PreLN<double> scheme(8);
  const auto with = [&](auto change) {
    Sizes sizes{.dim = 8, .heads = 2, .hidden = 16, .depth = 2};
    change(sizes);
    return [=] {
      encoder(scheme, sizes);
      decoder(scheme, sizes);
    };
  };
  expect_sentence(with([](Sizes& s) { s.heads = 3; }), {"dim 8", "heads 3", "multiple"});
  expect_sentence(with([](Sizes& s) { s.dim = 12; }), {"dim is 12", "8", "width"});
  expect_sentence(with([](Sizes& s) { s.dim = 0; }), {"dim 0", "greater than 0"});
  expect_sentence(with([](Sizes& s) { s.heads = -2; }), {"heads -2", "greater than 0"});
  expect_sentence(with([](Sizes& s) { s.hidden = 0; }), {"hidden 0", "greater than 0"});
  expect_sentence(with([](Sizes& s) { s.depth = -1; }), {"depth -1"});
  for (const double rate : {-0.1, 1.0, 1.5, nan}) {
    expect_sentence(with([&](Sizes& s) { s.dropout = rate; }), {"dropout is", "less than 1"});
    expect_sentence(with([&](Sizes& s) { s.attention_dropout = rate; }), {"attention_dropout is", "less than 1"});
    expect_sentence(with([&](Sizes& s) { s.activation_dropout = rate; }), {"activation_dropout is", "less than 1"});
  }
}

TEST(Norms, NeedAWidthAndAPositiveEpsilon) {
  for (const double epsilon : {0.0, -1e-5, nan}) {
    expect_sentence([&] { LayerNorm<double>(8, epsilon); }, {"LayerNorm", "epsilon", "greater than 0"});
    expect_sentence([&] { RMSNorm<double>(8, epsilon); }, {"RMSNorm", "epsilon", "greater than 0"});
  }
  for (const Index dim : {0, -1}) {
    expect_sentence([&] { LayerNorm<double> norm(dim); }, {"LayerNorm", "dim is " + std::to_string(dim)});
    expect_sentence([&] { RMSNorm<double> norm(dim); }, {"RMSNorm", "dim is " + std::to_string(dim)});
  }
}

TEST(Batches, NeedLengthsAndMasksThatFit) {
  expect_sentence([] { Batch::of({3, -1}); }, {"sequence 1", "-1", "0 or more"});
  const Batch batch = Batch::of({3, 2});
  for (const std::size_t entries : {0u, 4u, 6u}) {
    const std::vector<std::uint8_t> mask(entries);
    expect_sentence([&] { batch.hiding(mask); }, {"mask has " + std::to_string(entries), "5 tokens"});
  }
}

TEST(Threads, MustBeSome) {
  for (const Index count : {0, -3}) {
    expect_sentence([&] { Threads threads(count); }, {"Threads", std::to_string(count), "1 or more"});
  }
}

}  // namespace
