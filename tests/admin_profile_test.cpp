// Admin's profiling pass sets omega to what it measures.
// group: schemes
#include <gtest/gtest.h>

#include "residual/model/encoder_decoder.hpp"
#include "residual/wiring/admin.hpp"
#include "support/expect_sentence.hpp"
#include "support/stack_problem.hpp"

namespace {

using namespace test_support;

double variance(const Tokens<double>& m) { return (m.array() - m.mean()).square().mean(); }

/// Var(f_k(x_k)) + Var(omega_k x_k) behind every sub-layer, in the order in which they run.
struct Variances final : Observer<double> {
  std::vector<double> of_x, of_fx;
  void branch(Site, In<double> x, In<double> fx) override {
    of_x.push_back(variance(x));
    of_fx.push_back(variance(fx));
  }
};

/// In each stack omega_1 = 1 and omega_{k+1}^2 = omega_k^2 Var(x_k) + Var(f_k(x_k)), everywhere in a sub-layer.
template <class P>
void expect_profiled(const P& theta, const std::string& stack, Index blocks, Index slots, const double* of_x,
                     const double* of_fx) {
  double expected = 1;
  for (Index block = 0; block < blocks; ++block) {
    for (Index slot = 1; slot <= slots; ++slot, ++of_x, ++of_fx) {
      const std::string name = stack + "layers." + std::to_string(block) + ".omega" + std::to_string(slot);
      const auto omega = tensor(theta, name);
      EXPECT_NEAR(omega.minCoeff(), expected, 1e-12) << name;
      EXPECT_NEAR(omega.maxCoeff(), expected, 1e-12) << name;
      expected = std::sqrt(expected * expected * *of_x + *of_fx);
    }
  }
  EXPECT_NE(expected, 1);
}

const Sizes sizes{.dim = 8, .heads = 2, .hidden = 16, .depth = 3};

TEST(AdminProfile, MeasuresAStack) {
  const AnyScheme<double> scheme = Admin<double>(8);
  Problem problem(encoder(scheme, sizes), Batch::of({5, 3}));
  auto tape = problem.tape();
  AdminProfile<double> profile(problem.theta.manifest(), problem.theta.data());
  tape.observe(&profile);
  tape.forward(problem.model, problem.theta, problem.input());
  Variances seen;
  tape.observe(&seen);
  tape.forward(problem.model, problem.theta, problem.input());
  expect_profiled(problem.theta, "", 3, 2, seen.of_x.data(), seen.of_fx.data());
  tape.observe(&profile);
  expect_sentence([&] { tape.forward(problem.model, problem.theta, problem.input()); },
                  {"more stacks", "observe one pass"});
}

TEST(AdminProfile, LeavesWhatItCannotMeasure) {
  const AnyScheme<double> scheme = Admin<double>(8);
  Problem problem(encoder(scheme, sizes), Batch());
  problem.theta.flat().setConstant(7);
  auto tape = problem.tape();
  AdminProfile<double> profile(problem.theta.manifest(), problem.theta.data());
  tape.observe(&profile);
  expect_sentence([&] { tape.forward(problem.model, problem.theta, problem.input()); },
                  {"without tokens", "give it some"});
  EXPECT_TRUE((problem.theta.flat().array() == 7).all());
  const Tokens<double> x = random_tokens<double>(4, 8, 1);
  EXPECT_NO_THROW(forward(problem.model, problem.theta, tape, Batch::of({4}), x)) << "the pass without tokens was none";
}

TEST(AdminProfile, MeasuresBothStacksOfAModel) {
  const AnyScheme<double> scheme = Admin<double>(8);
  const auto model = encoder_decoder(encoder(scheme, sizes), decoder(scheme, sizes));
  Parameters theta(model);
  randomise(theta, 1);
  const auto x = random_tokens<double>(4, 8, 2), src = random_tokens<double>(5, 8, 3);
  const Batch batch = Batch::of({4}), src_batch = Batch::of({5});
  Tape tape(model);
  AdminProfile<double> profile(theta.manifest(), theta.data(), {"encoder.", "decoder."});
  Variances seen;
  for (Observer<double>* observer : {static_cast<Observer<double>*>(&profile), static_cast<Observer<double>*>(&seen)}) {
    tape.observe(observer);
    tape.forward(model, theta, {.batch = batch, .x = x, .src_batch = src_batch, .src = src});
  }
  expect_profiled(theta, "encoder.", 3, 2, seen.of_x.data(), seen.of_fx.data());
  expect_profiled(theta, "decoder.", 3, 3, seen.of_x.data() + 6, seen.of_fx.data() + 6);
}

}  // namespace
