// docs/promises.md names tests that exist.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Calls visit with the first group of every match.
template <class Visit>
void each_match(const std::string& text, const std::regex& pattern, Visit&& visit) {
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) visit(*match);
}

TEST(Promises, NameTestsThatExist) {
  const fs::path root = RESIDUAL_SOURCE_DIR;
  std::set<std::string> tests;
  for (const auto& entry : fs::directory_iterator(root / "tests")) {
    if (entry.path().extension() != ".cpp") continue;
    each_match(text_of(entry.path()), std::regex(R"(TEST(?:_F|_P)?\((\w+),\s*(\w+)\))"),
               [&](const std::smatch& m) { tests.insert(m[1].str() + "." + m[2].str()); });
  }
  int named = 0;
  each_match(text_of(root / "docs/promises.md"), std::regex(R"(`([A-Z]\w+\.\w+)`)"), [&](const std::smatch& m) {
    if (m[1] == "Suite.Test") return;
    ++named;
    EXPECT_TRUE(tests.contains(m[1].str())) << m[1] << " is no test.";
  });
  EXPECT_GT(named, 30);
}

}  // namespace
