#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <string>

namespace test_support {

/// A folder of the running test's own, removed with all that is in it when the object goes.
struct Folder {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / name();

  Folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }

  std::size_t files() const { return std::size_t(std::distance(std::filesystem::directory_iterator(path), {})); }

 private:
  static std::string name() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    return std::string("residual_") + test->test_suite_name() + '_' + test->name();
  }
};

}  // namespace test_support
