// Files in memory: every byte, as long as a copy lives, and a reason where there are none.
// group: files
#include "residual/io/mapped_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "support/folder.hpp"

namespace {

using residual::MappedFile;

class MappedFileTest : public testing::Test {
 protected:
  void fill(const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }

  const test_support::Folder folder;
  const std::filesystem::path path = folder.path / "file";
};

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST_F(MappedFileTest, HoldsTheBytesAsLongAsACopyLives) {
  const std::string text = std::string("a\r\n\0\x1a", 5) + std::string(100'000, 'z');
  fill(text);
  std::optional<MappedFile> first(path);
  const MappedFile second = *first;
  const std::byte* const start = first->bytes().data();
  first.reset();
  EXPECT_EQ(second.bytes().data(), start);
  EXPECT_EQ(text_of(second), text);
}

TEST_F(MappedFileTest, MapsAFileWithoutBytes) {
  fill("");
  EXPECT_TRUE(MappedFile(path).bytes().empty());
}

TEST_F(MappedFileTest, GivesEveryMappingBack) {
  fill("x");
  for (int i = 0; i < 70'000; ++i) ASSERT_EQ(MappedFile(path).bytes().size(), 1u);  // Linux grants 65530 at a time
}

TEST_F(MappedFileTest, NamesWhatItCannotRead) {
  const auto error_of = [](const std::filesystem::path& bad) {
    try {
      MappedFile{bad};
    } catch (const std::system_error& error) {
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_EQ(error_of(path).find("cannot open " + residual::printable_path(path) + ": "), 0u) << error_of(path);
  const std::string of_folder = error_of(path.parent_path());
  EXPECT_NE(of_folder.find(residual::printable_path(path.parent_path())), std::string::npos) << of_folder;
#if __has_include(<sys/mman.h>) && !defined(__EMSCRIPTEN__)
  EXPECT_EQ(of_folder.find("can only map a regular file, which this is not; give the file itself: "), 0u) << of_folder;
#endif
  const std::string hostile = error_of(folder.path / "\x1b]0;title\x07\x9b\n");
  EXPECT_NE(hostile.find("\\u001b]0;title\\u0007"), std::string::npos) << hostile;
  for (const char c : hostile) EXPECT_TRUE(c >= ' ' && c <= '~') << int(c);
  EXPECT_LT(error_of(std::string(1'000'000, 'x')).size(), 5000u);
}

}  // namespace
