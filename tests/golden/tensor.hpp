#pragma once

#include <Eigen/Core>
#include <map>
#include <string>
#include <vector>

namespace golden {

using Eigen::Index;

/// Numbers in row-major order with their shape; a mask's 0 and 1 are numbers too.
struct Tensor {
  std::vector<Index> shape;
  std::vector<double> data;
};
using Tensors = std::map<std::string, Tensor>;

inline std::string to_string(const std::vector<Index>& shape) {
  std::string text;
  for (const Index dimension : shape) text += (text.empty() ? "[" : ", ") + std::to_string(dimension);
  return text.empty() ? "[]" : text + "]";
}

}  // namespace golden
