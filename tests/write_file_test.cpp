// A file is written whole or not at all, where a link leads to, with the mode of the old one; only regular files are.
// group: files
#include "residual/io/write_file.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/folder.hpp"

#if __has_include(<sys/wait.h>) && !defined(__EMSCRIPTEN__)
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

using residual::write_file;

class WriteFile : public testing::Test {
 protected:
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path, std::ios::binary).rdbuf();
    return all.str();
  }

  const test_support::Folder folder;
  const std::filesystem::path path = folder.path / "file";
};

TEST_F(WriteFile, ReplacesTheOldFile) {
  write_file(path, [](std::ostream& out) { out << "old and long"; });
  EXPECT_EQ(text(), "old and long");
  write_file(path, [](std::ostream& out) { out << "new\r\n"; });
  EXPECT_EQ(text(), "new\r\n");
  EXPECT_EQ(folder.files(), 1u);
}

TEST_F(WriteFile, KeepsTheOldFileWhenWritingThrows) {
  write_file(path, [](std::ostream& out) { out << "old"; });
  const auto half = [](std::ostream& out) {
    out << "half";
    throw std::runtime_error("stop");
  };
  EXPECT_THROW(write_file(path, half), std::runtime_error);
  EXPECT_EQ(text(), "old");
  EXPECT_EQ(folder.files(), 1u);
}

TEST_F(WriteFile, KeepsTheOldFileWhenTheStreamFails) {
  write_file(path, [](std::ostream& out) { out << "old"; });
  EXPECT_THROW(write_file(path, [](std::ostream& out) { out.setstate(std::ios::badbit); }), std::system_error);
  EXPECT_EQ(text(), "old");
  EXPECT_EQ(folder.files(), 1u);
}

#if __has_include(<sys/wait.h>) && !defined(__EMSCRIPTEN__)
using Perms = std::filesystem::perms;

Perms mode(const std::filesystem::path& file) { return std::filesystem::status(file).permissions(); }

TEST_F(WriteFile, KeepsTheModeOfThePrivateFileThatItReplaces) {
  for (const auto kept : {Perms(0600), Perms(0640), Perms(0444), Perms(0755), Perms(0200)}) {
    std::filesystem::remove(path);
    std::ofstream(path) << "old";
    std::filesystem::permissions(path, kept);
    write_file(path, [&](std::ostream& out) {
      out << "new";
      for (const auto& file : std::filesystem::directory_iterator(folder.path)) {
        EXPECT_EQ(mode(file.path()), file.path() == path ? kept : Perms(0600)) << "while it is written";
      }
    });
    EXPECT_EQ(mode(path), kept);
  }
}

TEST_F(WriteFile, GivesANewFileTheModeOfTheProcess) {
  const mode_t before = ::umask(027);
  write_file(path, [](std::ostream& out) { out << "new"; });
  ::umask(before);
  EXPECT_EQ(mode(path), Perms(0640));
}

TEST_F(WriteFile, KeepsOwnerAndGroupWhereItMay) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give files away";
  write_file(path, [](std::ostream& out) { out << "old"; });
  ASSERT_EQ(::chown(path.c_str(), 12345, 23456), 0);
  write_file(path, [](std::ostream& out) { out << "new"; });
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 12345u);
  EXPECT_EQ(status.st_gid, 23456u);
}

TEST_F(WriteFile, WritesTheFileThatALinkLeadsTo) {
  const auto disk = folder.path / "disk", real = disk / "real", link = folder.path / "link";
  std::filesystem::create_directory(disk);
  for (const char* const target : {"disk/real", "file"}) {  // a relative one, and one by way of another link
    std::filesystem::create_symlink(target, link);
    if (target == std::string("file")) std::filesystem::create_symlink(real, path);
    for (const char* const content : {"first", "second"}) {
      write_file(link, [&](std::ostream& out) { out << content; });
      EXPECT_TRUE(std::filesystem::is_symlink(link));
      EXPECT_EQ(std::filesystem::file_size(real), std::string(content).size());
    }
    std::filesystem::remove(link);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(disk), {}), 1);
    std::filesystem::remove(real);  // the next file is written where a link leads to nothing
  }
}

TEST_F(WriteFile, RefusesWhatIsNoRegularFile) {
  const auto pipe = folder.path / "pipe", loop = folder.path / "loop", link = folder.path / "link";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::filesystem::create_symlink("loop", loop);
  std::filesystem::create_symlink("/dev/null", link);
  for (const auto& refused : {pipe, loop, link, folder.path, std::filesystem::path("/dev/null")}) {
    const auto before = std::filesystem::symlink_status(refused).type();
    EXPECT_THROW(write_file(refused, [](std::ostream& out) { out << "new"; }), std::system_error) << refused;
    EXPECT_EQ(std::filesystem::symlink_status(refused).type(), before) << refused;
  }
  EXPECT_EQ(folder.files(), 3u);
}

TEST_F(WriteFile, SaysThatAFolderIsMissing) {
  const auto missing = folder.path / "missing" / "file";
  try {
    write_file(missing, [](std::ostream& out) { out << "new"; });
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& error) {
    const std::string sentence = error.what();
    EXPECT_TRUE(sentence.starts_with("cannot write into a folder that is missing; make the folder first: " +
                                     residual::printable_path(missing) + ": "))
        << sentence;
    EXPECT_EQ(error.code().value(), ENOENT);
  }
  EXPECT_EQ(folder.files(), 0u);
}

TEST_F(WriteFile, ShowsNoControlCharactersOfAPath) {
  const auto taken = folder.path / "\x1b[2J\x9b\n";
  std::filesystem::create_directory(taken);
  for (const auto& refused : {taken, folder.path / "\x1b[2J" / "absent"}) {
    try {
      write_file(refused, [](std::ostream& out) { out << "new"; });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& error) {
      EXPECT_NE(std::string(error.what()).find("\\u001b[2J"), std::string::npos) << error.what();
      for (const char c : std::string(error.what())) EXPECT_TRUE(c >= ' ' && c <= '~') << int(c);
    }
  }
}

/// Writes files of 1 MB, all 'a', all 'b', ..., until it is killed.
[[noreturn]] void write_for_ever(const std::filesystem::path& path) {
  for (int round = 0;; ++round) {
    const std::string chunk(4096, static_cast<char>('a' + round % 26));
    write_file(path, [&](std::ostream& out) {
      for (int i = 0; i < 256; ++i) out << chunk;
    });
  }
}

TEST_F(WriteFile, LeavesAWholeFileWhenTheWriterIsKilledAtAnyMoment) {
  const auto whole = [](char letter) { return std::string(4096 * 256, letter); };
  std::mt19937 random(1);
  int interrupted = 0;
  for (int round = 0; round < 40; ++round) {
    write_file(path, [&](std::ostream& out) { out << whole('-'); });
    const pid_t writer = ::fork();
    ASSERT_GE(writer, 0);
    if (writer == 0) write_for_ever(path);
    std::string found;
    for (int look = 0; (found = text()) == whole('-') && look < 10'000; ++look) {  // until it has replaced the file
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
    ::kill(writer, SIGKILL);
    ::waitpid(writer, nullptr, 0);
    interrupted += folder.files() > 1;
    EXPECT_LE(folder.files(), 2u) << "a writer leaves what the one before it left";
    EXPECT_NE(found[0], '-') << "the writer did not come to replace the file";
    EXPECT_TRUE(found == whole(found[0])) << "read beside the writer";
    found = text();
    EXPECT_TRUE(found == whole(found.at(0))) << "read after the writer";
  }
  EXPECT_GT(interrupted, 0) << "no writer was killed within a file";
}

TEST_F(WriteFile, ClearsAwayWhatAKilledWriterLeftAndNothingElse) {
  const auto beside = [&](const std::string& end) { return std::filesystem::path(path.string() + end); };
  const auto abandoned = beside(".tmp-0123456789012345");
  const std::vector kept = {beside(".tmp-012345678901234"), beside(".tmp-01234567890123456"),
                            beside(".tmp-012345678901234x"), beside("2.tmp-0123456789012345")};
  std::ofstream(abandoned) << "half";
  for (const auto& file : kept) std::ofstream(file) << "half";
  write_file(path, [](std::ostream& out) { out << "new"; });
  EXPECT_FALSE(std::filesystem::exists(abandoned));
  for (const auto& file : kept) EXPECT_TRUE(std::filesystem::exists(file)) << file;
  EXPECT_EQ(text(), "new");
}

/// A file's name may have 255 bytes; a temporary one is cut between two characters.
TEST_F(WriteFile, WritesAFileOfALongName) {
  std::string umlauts = "x";
  while (umlauts.size() < 255) umlauts += "\xC3\xA4";
  for (const std::string& name : {std::string(234, 'n'), std::string(235, 'n'), std::string(255, 'n'), umlauts}) {
    const test_support::Folder own;
    const std::filesystem::path long_path = own.path / name;
    const std::string cut = name == umlauts ? umlauts.substr(0, 233) : std::string(234, 'n');
    const auto abandoned = own.path / (cut + ".tmp-0123456789012345");
    std::ofstream(abandoned) << "half";
    ASSERT_NO_THROW(write_file(long_path, [](std::ostream& out) { out << "new"; })) << name.size();
    EXPECT_TRUE(std::filesystem::exists(long_path));
    EXPECT_EQ(own.files(), 1u);
  }
}

TEST_F(WriteFile, LeavesAWriterAloneThatIsStillAtWork) {
  write_file(path, [&](std::ostream& out) {
    out << "outer";
    write_file(path, [](std::ostream& inner) { inner << "inner"; });
    EXPECT_EQ(text(), "inner");
    EXPECT_EQ(folder.files(), 2u);
  });
  EXPECT_EQ(text(), "outer");
  EXPECT_EQ(folder.files(), 1u);
}
#endif

}  // namespace
