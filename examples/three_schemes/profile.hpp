#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "residual/core/parameters.hpp"
#include "residual/wiring/observer.hpp"

/// What a model looks like layer by layer.
struct Profile {
  std::vector<double> gradient_norms;  ///< of each layer's parameters
  std::vector<double> similarities;    ///< of what layers i and i + 1 read
};

/// The Euclidean norms of the gradients of the layers' parameters, which are named "layers.0.", "layers.1.", ...
template <class M>
std::vector<double> gradient_norms(const residual::Parameters<M>& gradient, Index depth) {
  std::vector<double> squares(std::size_t(depth), 0);
  for (const auto& tensor : gradient.manifest()) {
    if (!tensor.name.starts_with("layers.")) continue;
    const auto layer = std::size_t(std::stoul(tensor.name.substr(7)));
    squares[layer] += double(gradient.flat().segment(tensor.offset, tensor.size()).squaredNorm());
  }
  for (double& square : squares) square = std::sqrt(square);
  return squares;
}

/// Sees what each layer's first sub-layer reads, and compares it with what the layer before it read: the cosine, averaged
/// over the tokens.
class InputSimilarity final : public residual::Observer<float> {
 public:
  void branch(residual::Site site, residual::In<float> x, residual::In<float>) override {
    if (site.slot != 0) return;
    if (site.block > 0) {
      const auto products = x.cwiseProduct(previous_).rowwise().sum().array();
      const auto norms = x.rowwise().norm().array() * previous_.rowwise().norm().array();
      similarities_.push_back(double((products / norms).mean()));
    }
    previous_ = x;
  }
  const std::vector<double>& similarities() const { return similarities_; }

 private:
  residual::Tokens<float> previous_;
  std::vector<double> similarities_;
};
