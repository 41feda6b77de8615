#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <random>
#include <string>

namespace test_support {

/// A folder of the running test's own, in this run and beside others, removed with all that is in it when the object goes.
class Folder {
 public:
  Folder() { std::filesystem::create_directories(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }

  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / ("residual_" + std::to_string(std::random_device()()));

  std::size_t files() const { return std::size_t(std::distance(std::filesystem::directory_iterator(path), {})); }
};

}  // namespace test_support
