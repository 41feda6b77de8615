// A call that does not fit is a sentence in std::invalid_argument, thrown before anything is written.
// group: stack_laws
// labels: long
#include <gtest/gtest.h>

#include <string>

#include "residual/wiring/pre_ln.hpp"
#include "support/expect_sentence.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

const Wanted small{.dim = 8, .heads = 2, .lengths = {5, 3}, .memory_lengths = {4, 6}};

/// A pass there and back, after which a test calls with something `wrong`: nothing may change, and the pass stays good.
template <class M>
class Unchanged {
 public:
  explicit Unchanged(const Problem<M>& p)
      : right_(p), wrong(p), tape(p.model), result(right_.run(tape)), before_(result) {}
  ~Unchanged() {
    expect_same_bits(result, before_);
    EXPECT_TRUE(same_bits(tape.y(), before_.y)) << "the last output";
    result.gradient.flat().setZero();
    tape.backward(right_.model, right_.theta, right_.dy, result.gradient, {});
    EXPECT_TRUE(same_bits(result.gradient.flat(), before_.gradient.flat())) << "the last pass must still be good";
  }

  void forward(const std::vector<std::string>& words) {
    expect_sentence([&] { tape.forward(wrong.model, wrong.theta, wrong.input()); }, words);
  }
  void backward(const std::vector<std::string>& words) {
    expect_sentence(
        [&] {
          tape.backward(wrong.model, wrong.theta, wrong.dy, result.gradient, {result.dx, result.dmemory});
        },
        words);
  }

 private:
  Problem<M> right_;

 public:
  Problem<M> wrong;
  residual::Tape<M> tape;
  Result<M> result;

 private:
  Result<M> before_;
};

auto an_encoder() { return encoder_problem<PreLN<double>>(small); }
auto a_decoder() { return decoder_problem<PreLN<double>>(small); }

TEST(Forward, NeedsXOfItsShape) {
  for (const auto& [rows, cols] : {std::pair<Index, Index>{7, 8}, {9, 8}, {8, 7}, {8, 9}, {0, 0}, {8, 0}}) {
    Unchanged call(an_encoder());
    call.wrong.x.setZero(rows, cols);
    call.forward({"x is [" + std::to_string(rows) + " x " + std::to_string(cols) + "]", "[8 x 8]"});
  }
}

TEST(Forward, NeedsAMemoryOfItsShape) {
  for (const auto& [rows, cols] : {std::pair<Index, Index>{9, 8}, {11, 8}, {10, 7}, {0, 0}}) {
    Unchanged call(a_decoder());
    call.wrong.memory.setZero(rows, cols);
    call.forward({"memory is [" + std::to_string(rows) + " x " + std::to_string(cols) + "]", "[10 x 8]"});
  }
  Unchanged call(a_decoder());
  call.wrong.memory_batch = Batch::of({4, 5, 1});
  call.forward({"memory_batch has 3", "batch has 2"});
}

TEST(Forward, RefusesAMemoryThatNobodyReads) {
  const auto problem = an_encoder();
  auto input = problem.input();
  Tape tape(problem.model);
  input.memory_batch = Batch::of({3, 3});
  expect_sentence([&] { tape.forward(problem.model, problem.theta, input); }, {"memory", "without cross-attention"});
}

TEST(Forward, NeedsMasksThatCoverTheLongestPair) {
  for (const auto& [rows, cols] : {std::pair<Index, Index>{4, 5}, {5, 4}, {1, 1}, {5, 1}}) {
    const std::string shape = "[" + std::to_string(rows) + " x " + std::to_string(cols) + "]";
    Unchanged call(an_encoder());
    call.wrong.attn_mask.setZero(rows, cols);
    call.forward({"attn_mask is " + shape, "5 queries", "5 keys"});
    Unchanged cross(a_decoder());
    cross.wrong.memory_mask.setZero(rows, cols);
    cross.forward({"memory_mask is " + shape, "5 queries", "6 keys"});
  }
  auto large = a_decoder();
  large.attn_mask.setZero(9, 9);
  for (const auto& [rows, cols] : {std::pair<Index, Index>{6, 8}, {16, 6}, {10, 7}, {400, 6}}) {
    large.memory_mask.setZero(rows, cols);
    EXPECT_NO_THROW(large.run()) << rows << " x " << cols;
  }
  Unchanged stacked(an_encoder());
  Unchanged cross(a_decoder());
  stacked.wrong.attn_mask.setZero(10, 5);
  stacked.forward({"attn_mask is [10 x 5]", "5 rows at most", "by_sequence"});
  cross.wrong.memory_mask.setZero(10, 6);  // of two sequences, or of two heads
  cross.forward({"memory_mask is [10 x 6]", "5 rows at most", "by_sequence"});
  cross.wrong.memory_mask.setZero(20, 6);  // of both
  cross.forward({"memory_mask is [20 x 6]", "5 rows at most", "by_head"});
}

TEST(Sentences, CountOneWithoutAnS) {
  const auto said = [](Index n) {
    return test_support::sentence_of(
        [&] { expect(false, "It has ", counted(n, "token"), " and ", counted(n, "entry", "entries"), "."); });
  };
  EXPECT_EQ(said(1), "It has 1 token and 1 entry.");
  EXPECT_EQ(said(0), "It has 0 tokens and 0 entries.");
  EXPECT_EQ(said(2), "It has 2 tokens and 2 entries.");
}

TEST(Backward, NeedsACotangentOfYsShape) {
  for (const auto& [rows, cols] : {std::pair<Index, Index>{7, 8}, {8, 9}, {1, 8}, {0, 0}}) {
    Unchanged call(an_encoder());
    call.wrong.dy.setZero(rows, cols);
    call.backward({"backward: dy is [" + std::to_string(rows) + " x " + std::to_string(cols) + "]", "[8 x 8]"});
  }
}

TEST(Backward, NeedsInputGradientsOfTheInputsShape) {
  Unchanged call(a_decoder());
  Tokens<double> wrong = Tokens<double>::Zero(3, 8);
  const auto backward = [&](const InputGradient<double>& dinput) {
    return [&, dinput] {
      call.tape.backward(call.wrong.model, call.wrong.theta, call.wrong.dy, call.result.gradient, dinput);
    };
  };
  expect_sentence(backward({wrong, call.result.dmemory}), {"gradient of x is [3 x 8]", "[8 x 8]"});
  expect_sentence(backward({call.result.dx, wrong}), {"gradient of memory is [3 x 8]", "[10 x 8]"});
  EXPECT_EQ(wrong.norm(), 0);
  Tokens<double> unsized;  // no window at all is a gradient that nobody wants, but this is somebody's matrix
  expect_sentence(backward({unsized, call.result.dmemory}), {"gradient of x is [0 x 0]", "[8 x 8]"});
  expect_sentence(backward({call.result.dx, unsized}), {"gradient of memory is [0 x 0]", "[10 x 8]"});
}

TEST(Backward, NeedsAGradientBesideTheParameters) {
  Unchanged call(an_encoder());
  Parameters<Encoder<PreLN<double>>> theta = call.wrong.theta;
  expect_sentence([&] { call.tape.backward(call.wrong.model, theta, call.wrong.dy, theta, {}); },
                  {"backward: the gradient is theta itself", "Parameters(model)"});
  EXPECT_TRUE(same_bits(theta.flat(), call.wrong.theta.flat()));
}

TEST(Backward, NeedsAForwardPassThatWasKept) {
  const auto problem = an_encoder();
  Parameters gradient(problem.model);
  const auto backward = [&](auto& tape) {
    return [&] { tape.backward(problem.model, problem.theta, problem.dy, gradient, {}); };
  };
  Tape fresh(problem.model);
  expect_sentence(backward(fresh), {"no forward pass"});
  Tape inference(problem.model, Keep::nothing);
  expect_sentence(backward(inference), {"Keep::nothing"});
  inference.forward(problem.model, problem.theta, problem.input());
  expect_sentence(backward(inference), {"Keep::nothing"});
  EXPECT_EQ(gradient.flat().norm(), 0);
}

TEST(EveryCall, NeedsTheTapesModelAndItsParameters) {
  Wanted other = small;
  other.hidden = 17;
  const auto wide = encoder_problem<PreLN<double>>(other);
  other = small;
  other.causal = true;  // the same shape, but another function
  const auto causal = encoder_problem<PreLN<double>>(other);
  {
    Unchanged call(an_encoder());
    call.wrong.theta = wide.theta;
    call.forward({"forward", "parameters", "another shape"});
    call.backward({"backward", "parameters", "another shape"});
  }
  {
    Unchanged call(an_encoder());
    call.wrong.model = causal.model;
    call.forward({"forward", "another model"});
    call.backward({"backward", "another model"});
  }
  Unchanged call(an_encoder());
  Parameters gradient(wide.model);
  expect_sentence([&] { call.tape.backward(call.wrong.model, call.wrong.theta, call.wrong.dy, gradient, {}); },
                  {"backward", "another shape"});
  EXPECT_EQ(gradient.flat().norm(), 0);
}

}  // namespace
