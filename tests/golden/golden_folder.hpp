#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace golden {

namespace fs = std::filesystem;
using nlohmann::json;

inline const fs::path cases = RESIDUAL_SOURCE_DIR "/tests/data/golden";

inline std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline json sound(const std::string& id) { return json::parse(bytes_of(cases / (id + ".json"))); }

/// What golden_test printed, line by line, and its exit status.
struct Report {
  std::vector<std::string> lines;
  int status = 0;

  /// What the line of a case says.
  std::string of(const std::string& name) const {
    for (const auto& line : lines) {
      if (line.starts_with(name + ": ")) return line.substr(name.size() + 2);
    }
    return "no line";
  }
};

/// A folder of cases in the working folder, which lives as long as the test.
class GoldenFolder : public testing::Test {
 protected:
  GoldenFolder() { fs::create_directories(folder_); }
  ~GoldenFolder() override { fs::remove_all(folder_); }

  void write(const std::string& file, const std::string& bytes) const {
    std::ofstream(folder_ / file, std::ios::binary) << bytes;
  }
  void write_case(const std::string& name, const json& value) const { write(name + ".json", value.dump()); }

  Report run(const std::string& options) const {
    Report result;
    const std::string command = "./golden_test --dir " + folder_.string() + " " + options + " 2>&1";
    FILE* const pipe = popen(command.c_str(), "r");
    std::string text;
    std::array<char, 4096> part;
    while (const auto size = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), size);
    result.status = pclose(pipe);
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) result.lines.push_back(line);
    return result;
  }

  /// Damages a copy of a case in each of the ways; every copy must fail with its sentence.
  struct Damage {
    std::string sentence;
    std::function<void(json&)> inflict;
  };
  void expect_failures(const std::string& id, const std::vector<Damage>& damages) const {
    for (std::size_t i = 0; i < damages.size(); ++i) {
      json damaged = sound(id);
      damages[i].inflict(damaged);
      write_case("case" + std::to_string(i), damaged);
    }
    for (const char* scalar : {"float", "double"}) {
      const Report result = run(std::string("--scalar ") + scalar);
      for (std::size_t i = 0; i < damages.size(); ++i) {
        const std::string line = result.of("case" + std::to_string(i));
        EXPECT_TRUE(line.starts_with("FAILED: ") && line.find(damages[i].sentence) != line.npos)
            << line << "\nbut it should say: " << damages[i].sentence;
      }
      EXPECT_EQ(result.lines.back(), "0 passed, " + std::to_string(damages.size()) + " failed");
      EXPECT_NE(result.status, 0);
    }
  }

 private:
  const fs::path folder_ = std::string("golden_") + testing::UnitTest::GetInstance()->current_test_info()->name();
};

}  // namespace golden
