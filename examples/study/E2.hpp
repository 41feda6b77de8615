#pragma once

#include "residual/wiring/observer.hpp"
#include "training.hpp"

namespace study {

/// Sees how alike are what neighbouring sub-layers read, and the tokens that one sub-layer reads.
class Likeness final : public residual::Observer<float> {
 public:
  std::vector<double> cosines;      ///< of x_k and x_(k-1), mean over tokens, from the second sub-layer on
  std::vector<double> differences;  ///< mean of |x_k - x_(k-1)|
  std::vector<double> tokens;       ///< mean cosine of two tokens of x_k

  void branch(residual::Site site, residual::In<float> x, residual::In<float>) override {
    if (!site.is_first()) {
      const auto products = x.cwiseProduct(before_).rowwise().sum().array();
      const auto norms = x.rowwise().norm().array() * before_.rowwise().norm().array();
      cosines.push_back(double((products / norms.max(1e-30f)).mean()));
      differences.push_back(double((x - before_).cwiseAbs().mean()));
    }
    before_ = x;
    // sum over pairs of <u_i, u_j> = |sum u_i|^2 - sum |u_i|^2, with u_i of length 1
    const residual::Tokens<float> unit = x.array().colwise() / x.rowwise().norm().array().max(1e-30f);
    const double n = double(x.rows());
    tokens.push_back((double(unit.colwise().sum().squaredNorm()) - n) / (n * (n - 1)));
  }

 private:
  residual::Tokens<float> before_;
};

/// The loss without sub-layer k of the stack, for each k: what writes its output is set to 0, and then as it was.
inline std::vector<double> losses_without(Model<Causal>& model, const Example& e, Index depth) {
  std::vector<double> losses;
  const residual::Column<float> all = model.theta.flat();
  for (Index layer = 0; layer < depth; ++layer) {
    const std::string name = "layers." + std::to_string(layer) + '.';
    for (const char* output : {"self_attn.out_proj.", "linear2."}) {
      model.theta[name + output + "weight"].setZero();
      model.theta[name + output + "bias"].setZero();
      losses.push_back(model.loss(e));
      model.theta.flat() = all;
    }
  }
  return losses;
}

/// E2: collapse at the start and after training.
inline Json collapse(const Cell& cell, const Text& text) {
  Model<Causal> model(cell, text);
  const Example e = model.held_out(2);
  Json result;
  const auto look = [&](const char* when) {
    Likeness likeness;
    const double loss = model.loss(e, &likeness);
    std::vector<double> rises;
    for (const double without : losses_without(model, e, cell.depth)) rises.push_back(without - loss);
    result[when] = {{"loss", number_or_null(loss)},
                    {"cosines", likeness.cosines},
                    {"differences", likeness.differences},
                    {"tokens", likeness.tokens},
                    {"loss_rises", rises}};
  };
  look("start");
  train(cell, model, [](Index, auto&) {});
  look("end");
  result["held_out"] = number_or_null(model.loss(model.held_out(Recipe::held_out_batches)));
  return result;
}

}  // namespace study
