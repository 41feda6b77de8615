#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "golden/case.hpp"

namespace golden {

/// What the library computes for a case, and which rows of it count: one entry a row, or none when all do.
struct Output {
  Tensor tensor;
  std::vector<std::uint8_t> rows = {};
};
/// By the names that a case has behind "expected.".
using Outputs = std::map<std::string, Output>;

/// Runs the case in S: y, loss, streams, dinputs and grads. Throws a sentence when its parameters are not the model's.
template <class S>
Outputs compute(const Case& c);

extern template Outputs compute<float>(const Case&);
extern template Outputs compute<double>(const Case&);

}  // namespace golden
