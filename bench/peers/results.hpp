#pragma once

#include <string>
#include <vector>

#include "residual/io/safetensors_writer.hpp"

namespace peers {

/// What a contestant computed: its output "y", and in training the gradients "d" + name, all in PyTorch's layout.
class Results {
 public:
  void add(std::string name, std::vector<std::int64_t> shape, std::vector<float> values) {
    tensors_.push_back({std::move(name), std::move(shape), std::move(values)});
  }
  void write(const std::string& path) const {
    std::vector<residual::TensorEntry> entries;
    for (const auto& t : tensors_) entries.push_back(residual::TensorEntry::of<float>(t.name, t.shape, t.values));
    residual::write_safetensors(path, entries);
  }

 private:
  struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };
  std::vector<Tensor> tensors_;
};

}  // namespace peers
