#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/io/mapped_file.hpp"

using residual::Index;

/// The bytes of a file; throws when it cannot be read.
inline std::string read_bytes(const std::filesystem::path& path) {
  const residual::MappedFile file(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

/// What a training run leaves in a folder of its own.
struct RunFolder {
  std::filesystem::path path;

  std::filesystem::path pieces() const { return path / "pieces.model"; }
  std::filesystem::path checkpoint() const { return path / "checkpoint.safetensors"; }
  std::filesystem::path losses() const { return path / "losses.csv"; }
  std::filesystem::path model() const { return path / "model.safetensors"; }
  /// The weights after so many steps.
  std::filesystem::path snapshot(Index step) const { return path / (prefix + std::to_string(step) + suffix); }

  /// The steps of which there are snapshots, in their order.
  std::vector<Index> snapshots() const {
    std::vector<Index> steps;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
      const std::string digits = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
      const bool number = !digits.empty() && digits.size() < 19 &&
                          std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
      if (number) steps.push_back(Index(std::stoll(digits)));
    }
    std::sort(steps.begin(), steps.end());
    return steps;
  }

  /// Throws unless a new run may begin in it, or, to resume, one can go on.
  void expect_fits(bool resume) const {
    if (resume) {
      residual::expect(std::filesystem::exists(checkpoint()), "There is no ", checkpoint(),
                       " to go on from; give the folder of a run that has begun, or leave out --resume.");
      return;
    }
    residual::expect(!std::filesystem::exists(path) || std::filesystem::is_empty(path), path,
                     " holds files already; give --resume to go on with its run, or another folder.");
  }

 private:
  inline static const std::string prefix = "weights-", suffix = ".safetensors";
};
