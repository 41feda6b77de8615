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

}  // namespace detail

/// Writes a file such that a crash at any moment leaves the old file or the new one, whole: `write` fills a temporary
/// file beside it, NAME.tmp-<16 digits>, which is flushed to the disk and renamed to NAME.
///
/// When anything throws, the temporary file is removed and the old file stands; only a killed process leaves it behind.
/// Throws std::system_error with the file's name and the system's reason, and whatever `write` throws.
inline void write_file(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write) {
  std::random_device random;
  const std::uint64_t number = (std::uint64_t{random()} << 32) | random();
  std::string digits = std::to_string(number % 10'000'000'000'000'000);
  digits.insert(0, 16 - digits.size(), '0');
  std::filesystem::path temporary = path;
  temporary += ".tmp-" + digits;
  try {
    errno = 0;
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    if (!file) detail::write_failed("cannot create", temporary);
    write(file);
    file.close();
    if (!file) detail::write_failed("cannot write all of", temporary);
    if (!detail::flush_to_disk(temporary)) detail::write_failed("cannot flush", temporary);
    std::filesystem::rename(temporary, path);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw;
  }
  // The new file is whole and in place; some file systems and Windows cannot flush a directory, which only means that
  // a crash of the machine may still bring back the old file.
  detail::flush_to_disk(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

}  // namespace residual
