#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "golden/tensor.hpp"

namespace golden {

/// A case as its files hold it: everything but the tensors as JSON, and the tensors.
struct Document {
  nlohmann::json header;
  Tensors tensors;
};

/// Reads STEM.json, STEM.safetensors, or both, which must then agree bit for bit. Throws a sentence when they do not,
/// or when a file is not in the format of the golden cases.
Document read_document(const std::filesystem::path& stem);

}  // namespace golden
