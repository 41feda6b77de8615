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

#include "residual/io/printable.hpp"

namespace residual {
namespace detail {

[[noreturn]] inline void write_failed(const std::string& what, const std::filesystem::path& path, int error = errno) {
  throw std::system_error(error != 0 ? error : EIO, std::generic_category(), what + ' ' + printable_path(path));
}

/// The file that is written for `path`: where links lead to, which must be a regular file or none yet.
inline std::filesystem::path file_behind(std::filesystem::path path) {
  std::error_code ignored;
  for (int links = 0; std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored)); ++links) {
    if (links == 40) write_failed("cannot follow the links of", path, ELOOP);
    path = path.parent_path() / std::filesystem::read_symlink(path, ignored);
  }
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    write_failed("can only write a regular file, which this is not; give the file itself:", path, EINVAL);
  }
  return path;
}

/// A new file beside `path`, PATH.tmp-<16 digits>, PATH cut to what file systems have room for, that is removed unless it has
/// been renamed.
class TemporaryFile {
 public:
  /// Throws std::system_error when the system cannot create it.
  explicit TemporaryFile(const std::filesystem::path& path) {
    do {
      close();
      name_ = stem(path);
      name_ += suffix + digits();
      create(path);
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

  /// Waits until what was written is on the disk; throws std::system_error when the system refuses.
  void flush() const;
  /// Becomes `path`, whoever may read and write the old one; throws std::system_error.
  void replace(const std::filesystem::path& path) const;

  /// Removes what killed writers of `path` left beside it: temporary files that nobody holds locked.
  static void remove_abandoned(const std::filesystem::path& path);

 private:
  static constexpr const char* suffix = ".tmp-";
  static constexpr std::size_t length = 16;

  /// What the names of temporary files for `path` begin with: it, or as many whole characters of UTF-8 as leave room.
  static std::filesystem::path stem(const std::filesystem::path& path) {
    constexpr std::size_t longest = 255, room = longest - (std::char_traits<char>::length(suffix) + length);
    auto name = path.filename().native();
    if (name.size() > room) {
      std::size_t end = room;
      while (end > 0 && (name[end] & 0xC0) == 0x80) --end;
      name.resize(end);
    }
    return path.parent_path() / name;
  }
  static std::string digits() {
    std::random_device random;
    const std::uint64_t number = (std::uint64_t{random()} << 32) | random();
    const std::string text = std::to_string(number % 10'000'000'000'000'000);
    return std::string(length - text.size(), '0') + text;
  }
  void create(const std::filesystem::path& path);
  void rename_to(const std::filesystem::path& path) const {
    std::error_code error;
    std::filesystem::rename(name_, path, error);
    if (error) throw std::system_error(error, "cannot replace " + printable_path(path));
  }
  bool locked_in_place() const;
  void close();

  std::filesystem::path name_;
  int file_ = -1;
};

#ifdef _WIN32

inline void TemporaryFile::remove_abandoned(const std::filesystem::path&) {}
inline void TemporaryFile::create(const std::filesystem::path&) {}
inline bool TemporaryFile::locked_in_place() const { return true; }
inline void TemporaryFile::close() {}

inline void TemporaryFile::flush() const {
  const int file = ::_wopen(name_.c_str(), _O_RDWR | _O_BINARY);
  const bool flushed = file >= 0 && ::_commit(file) == 0;
  if (file >= 0) ::_close(file);
  if (!flushed) write_failed("cannot flush", name_);
}
inline void TemporaryFile::replace(const std::filesystem::path& path) const { rename_to(path); }

#else

inline void TemporaryFile::remove_abandoned(const std::filesystem::path& path) {
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const std::string begin = stem(path).filename().string() + suffix;
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(begin) || name.size() != begin.size() + length ||
        name.find_first_not_of("0123456789", begin.size()) != std::string::npos) {
      continue;
    }
    // for writing, since a lock over NFS needs that
    const int file = ::open(entry->path().c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) continue;
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) std::filesystem::remove(entry->path(), ignored);
    ::close(file);
  }
}

/// Where a file is replaced, which may be private, the new one is its writer's alone until it has taken its place.
inline void TemporaryFile::create(const std::filesystem::path& path) {
  struct stat old {};
  const mode_t mode = ::stat(path.c_str(), &old) == 0 ? 0600 : 0666;
  file_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
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

inline void TemporaryFile::flush() const {
  if (::fsync(file_) != 0) write_failed("cannot flush", name_);
}
inline void TemporaryFile::replace(const std::filesystem::path& path) const {
  struct stat old {};
  if (::stat(path.c_str(), &old) == 0) {
    const bool same_group = ::fchown(file_, uid_t(-1), old.st_gid) == 0;
    [[maybe_unused]] const int same_owner = ::fchown(file_, old.st_uid, gid_t(-1));  // which only root may change
    mode_t mode = old.st_mode & 0777;
    if (!same_group) mode = (mode & 0707) | ((mode & 0007) << 3);  // to the old mode this group was all others
    if (::fchmod(file_, mode) != 0) write_failed("cannot give the mode of the old file to", name_);
  }
  rename_to(path);
  // The new file is whole and in place; some file systems cannot flush a folder, which only means that a crash of the
  // machine may still bring back the old file.
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const int directory = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (directory < 0) return;
  ::fsync(directory);
  ::close(directory);
}

#endif

}  // namespace detail

/// Writes a file such that a crash at any moment leaves the old file or the new one, whole: `write` fills a temporary
/// file beside it, NAME.tmp-<16 digits>, with the first 234 bytes of a longer NAME, which is flushed to the disk and renamed
/// to NAME. Where NAME is a symbolic link, the file is the one it leads to.
///
/// The file keeps its mode and, as far as the system allows it, its owner and group (not on Windows); while it is written,
/// nobody else may read it. Hard links and extended attributes stay with the old one.
///
/// When anything throws, the temporary file is removed and the old file stands. Only a killed process leaves one behind,
/// and the next call removes it (not on Windows). Throws std::system_error with the file's name and the system's reason,
/// also when the file is a folder, a device or a pipe or its folder is missing, and whatever `write` throws.
inline void write_file(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write) {
  const std::filesystem::path target = detail::file_behind(path), folder = target.parent_path();
  std::error_code ignored;
  if (!folder.empty() && std::filesystem::status(folder, ignored).type() == std::filesystem::file_type::not_found) {
    detail::write_failed("cannot write into a folder that is missing; make the folder first:", path, ENOENT);
  }
  detail::TemporaryFile::remove_abandoned(target);
  const detail::TemporaryFile temporary(target);
  errno = 0;
  std::ofstream file(temporary.name(), std::ios::binary | std::ios::trunc);
  if (!file) detail::write_failed("cannot create", temporary.name());
  write(file);
  file.close();
  if (!file) detail::write_failed("cannot write all of", temporary.name());
  temporary.flush();
  temporary.replace(target);
}

}  // namespace residual
