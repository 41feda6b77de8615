#pragma once

#include <cmath>

#include "models.hpp"
#include "residual/wiring/observer.hpp"

namespace study {

/// The mean square of each sub-layer's output f(x), in the order of the forward pass.
class BranchSquares final : public residual::Observer<float> {
 public:
  void branch(residual::Site, residual::In<float>, residual::In<float> fx) override {
    squares_.push_back(double(fx.squaredNorm()) / double(fx.size()));
  }
  const std::vector<double>& squares() const { return squares_; }

 private:
  std::vector<double> squares_;
};

/// The norm of the gradient of each layer's linear maps, whose names begin with `prefix` and the layer's number. What a scheme
/// owns does not count, so that schemes compare.
template <class M>
std::vector<double> gradient_norms(const residual::Parameters<M>& gradient, const std::string& prefix, Index depth) {
  std::vector<double> norms(std::size_t(depth), 0);
  for (const auto& tensor : gradient.manifest()) {
    if (tensor.role != residual::Role::weight || !tensor.name.starts_with(prefix)) continue;
    const auto layer = std::size_t(std::stoul(tensor.name.substr(prefix.size())));
    norms[layer] += double(gradient.flat().segment(tensor.offset, tensor.size()).squaredNorm());
  }
  for (double& norm : norms) norm = std::sqrt(norm);
  return norms;
}

/// E1: the gradient's norm by depth at the start, and how large each f(x) is.
template <class M>
Json gradients_at_start(const Cell& cell, const Text& text) {
  Model<M> model(cell, text);
  BranchSquares squares;
  const double loss = model.pull(model.training(), &squares);
  Json result{{"loss", loss}, {"branch_squares", squares.squares()}};
  if constexpr (std::same_as<M, Translation>) {
    result["encoder"] = gradient_norms(model.gradient, "encoder.layers.", cell.depth);
    result["decoder"] = gradient_norms(model.gradient, "decoder.layers.", cell.depth);
  } else {
    result[cell.task] = gradient_norms(model.gradient, "layers.", cell.depth);
  }
  return result;
}

}  // namespace study
