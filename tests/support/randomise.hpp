#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>

#include "residual/core/parameters.hpp"

namespace test_support {

using residual::Index;

/// Fills with numbers between -size and size that the seed decides, the same with every standard library.
template <class Dense>
void randomise(Dense&& m, std::uint64_t seed, double size = 1) {
  using S = typename std::remove_cvref_t<Dense>::Scalar;
  std::mt19937_64 engine(seed);
  for (Index i = 0; i < m.rows(); ++i) {
    for (Index j = 0; j < m.cols(); ++j) m(i, j) = S(size * (double(engine() >> 11) * 0x1p-52 - 1));
  }
}

template <class S>
residual::Tokens<S> random_tokens(Index rows, Index cols, std::uint64_t seed, double size = 1) {
  residual::Tokens<S> m(rows, cols);
  randomise(m, seed, size);
  return m;
}

/// Weights of about 1 / sqrt(inputs), biases that are not small, gains about 1.
template <class M>
void randomise(residual::Parameters<M>& theta, std::uint64_t seed) {
  for (const auto& entry : theta.manifest()) {
    auto piece = theta.flat().segment(entry.offset, entry.size());
    randomise(piece, ++seed, entry.rows == 1 ? 0.3 : 1.5 / std::sqrt(double(entry.rows)));
    if (entry.rows == 1 && entry.name.ends_with("weight")) piece.array() += typename M::Scalar(1);
  }
}

/// The piece of a flat vector that one tensor of the manifest takes.
template <class P>
auto tensor(P& theta, const std::string& name) {
  for (const auto& entry : theta.manifest()) {
    if (entry.name == name) return theta.flat().segment(entry.offset, entry.size());
  }
  throw std::invalid_argument("There is no tensor " + name + " in this model.");
}

}  // namespace test_support
