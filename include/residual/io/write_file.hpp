#pragma once

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <ostream>
#include <random>
#include <string>
#include <system_error>

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#else
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace residual {
namespace detail {

[[noreturn]] inline void write_failed(const std::string& what, const std::filesystem::path& path) {
  throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), what + " \"" + path.string() + '"');
}

/// Waits until what was written to a file, or renamed in a directory, is on the disk; false when the system refuses.
inline bool flush_to_disk(const std::filesystem::path& path) {
#ifdef _WIN32
  const int file = ::_wopen(path.c_str(), _O_RDWR | _O_BINARY);
  const bool flushed = file >= 0 && ::_commit(file) == 0;
  if (file >= 0) ::_close(file);
#else
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool flushed = file >= 0 && ::fsync(file) == 0;
  if (file >= 0) ::close(file);
#endif
  return flushed;
}

/// A new file beside `path`, PATH.tmp-<16 digits>, that is removed unless it has been renamed.
class TemporaryFile {
 public:
  /// Throws std::system_error when the system cannot create it.
  explicit TemporaryFile(const std::filesystem::path& path) {
    do {
      close();
      name_ = path;
      name_ += suffix + digits();
      create();
    } while (!locked_in_place());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(name_, ignored);
    close();
  }

  const std::filesystem::path& name() const { return name_; }

  /// Removes what killed writers of `path` left beside it: temporary files that nobody holds locked.
  static void remove_abandoned(const std::filesystem::path& path);

 private:
  static constexpr const char* suffix = ".tmp-";
  static constexpr std::size_t length = 16;

  static std::string digits() {
    std::random_device random;
    const std::uint64_t number = (std::uint64_t{random()} << 32) | random();
    const std::string text = std::to_string(number % 10'000'000'000'000'000);
    return std::string(length - text.size(), '0') + text;
  }
  void create();
  bool locked_in_place() const;
  void close();

  std::filesystem::path name_;
  int file_ = -1;
};

#ifdef _WIN32

inline void TemporaryFile::remove_abandoned(const std::filesystem::path&) {}
inline void TemporaryFile::create() {}
inline bool TemporaryFile::locked_in_place() const { return true; }
inline void TemporaryFile::close() {}

#else

inline void TemporaryFile::remove_abandoned(const std::filesystem::path& path) {
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const std::string begin = path.filename().string() + suffix;
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(begin) || name.size() != begin.size() + length ||
        name.find_first_not_of("0123456789", begin.size()) != std::string::npos) {
      continue;
    }
    const int file = ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) continue;
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) std::filesystem::remove(entry->path(), ignored);
    ::close(file);
  }
}

inline void TemporaryFile::create() {
  file_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file_ < 0) write_failed("cannot create", name_);
}
/// The lock tells other writers that this one lives; one of them may have been quicker and have removed the file.
inline bool TemporaryFile::locked_in_place() const {
  ::flock(file_, LOCK_EX);  // where the file system knows no locks, nothing is ever removed
  struct stat status {};
  return ::fstat(file_, &status) != 0 || status.st_nlink > 0;
}
inline void TemporaryFile::close() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

#endif

}  // namespace detail

/// Writes a file such that a crash at any moment leaves the old file or the new one, whole: `write` fills a temporary
/// file beside it, NAME.tmp-<16 digits>, which is flushed to the disk and renamed to NAME.
///
/// When anything throws, the temporary file is removed and the old file stands. Only a killed process leaves one behind,
/// and the next call removes it (not on Windows). Throws std::system_error with the file's name and the system's reason,
/// and whatever `write` throws.
inline void write_file(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write) {
  detail::TemporaryFile::remove_abandoned(path);
  const detail::TemporaryFile temporary(path);
  errno = 0;
  std::ofstream file(temporary.name(), std::ios::binary | std::ios::trunc);
  if (!file) detail::write_failed("cannot create", temporary.name());
  write(file);
  file.close();
  if (!file) detail::write_failed("cannot write all of", temporary.name());
  if (!detail::flush_to_disk(temporary.name())) detail::write_failed("cannot flush", temporary.name());
  std::filesystem::rename(temporary.name(), path);
  // The new file is whole and in place; some file systems and Windows cannot flush a directory, which only means that
  // a crash of the machine may still bring back the old file.
  detail::flush_to_disk(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

}  // namespace residual
