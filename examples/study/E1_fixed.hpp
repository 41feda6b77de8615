#pragma once

#include <cmath>

#include "cell.hpp"
#include "fixed_branch.hpp"
#include "models.hpp"
#include "residual/model/running_stack.hpp"
#include "residual/model/stack.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/initialise.hpp"

namespace study {

/// Sees the size of each f's gradient, and how much what a sub-layer reads differs from what the one before it read.
class FixedProfile final : public residual::Observer<float> {
 public:
  std::vector<double> gradients;  ///< root mean square of df(x), from the last sub-layer to the first
  std::vector<double> changes;    ///< mean square of x_k - x_(k-1), from the second sub-layer on

  void branch(residual::Site site, residual::In<float> x, residual::In<float>) override {
    if (!site.is_first()) changes.push_back(double((x - before_).squaredNorm()) / double(x.size()));
    before_ = x;
  }
  void branch_gradient(residual::Site, residual::In<float> dfx) override {
    gradients.push_back(std::sqrt(double(dfx.squaredNorm()) / double(dfx.size())));
  }

 private:
  residual::Tokens<float> before_;
};

/// E1 on the paper's assumption: f_k(x) = M W_k ~ N(0, gain^2) whatever x is, each row of M and of the
/// embedding of mean square 1; the gradient of y is N(0, 1).
inline Json fixed_branches(const Cell& cell) {
  using namespace residual;
  using Fixed = residual::Stack<Scheme, FixedBranch<float>>;
  const Scheme scheme = scheme_of(cell.scheme, cell.width, deep_norm(std::max<Index>(cell.depth / 2, 1)).alpha);
  const Fixed stack{scheme, {FixedBranch<float>{cell.width}}, cell.depth};
  stack.check();
  Parameters theta(stack), gradient(stack);
  const double deviation = cell.gain / std::sqrt(double(cell.width));
  initialise(theta, cell.seed, Normal{deviation});
  Random random(cell.seed, ~std::uint64_t(0));
  const auto normal = [&] {
    return Tokens<float>(Tokens<float>::NullaryExpr(cell.length, cell.width, [&] { return float(random.normal()); }));
  };
  Tokens<float> x = normal(), memory = normal();
  const Tokens<float> dy = normal();
  for (Tokens<float>* m : {&x, &memory}) {  // every token has the variance of the formulas, not that of a draw
    m->array().colwise() *= std::sqrt(float(cell.width)) / m->rowwise().norm().array();
  }
  const Batch batch = Batch::of({cell.length});
  FixedProfile profile;
  residual::Tape tape(stack);
  tape.observe(&profile);
  forward(stack, theta, tape, {.batch = batch, .x = x, .memory_batch = batch, .memory = memory});
  backward(stack, theta, tape, dy, gradient);
  std::reverse(profile.gradients.begin(), profile.gradients.end());
  return {{"gradients", profile.gradients}, {"changes", profile.changes}};
}

}  // namespace study
