#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#if __has_include(<sys/mman.h>) && !defined(__EMSCRIPTEN__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#include <fstream>
#endif

#include "residual/io/printable.hpp"

namespace residual {

/// The bytes of a file, read only and shared by all copies of this object. Where the system has mmap, the file is
/// mapped and a page is read when it is touched; elsewhere the file is read whole.
///
/// A file must not be cut short while it is mapped: touching a lost page ends the process (SIGBUS). Replacing it by a
/// rename, as write_file and write_safetensors do, is safe: the old bytes stay until the last copy is gone.
class MappedFile {
 public:
  /// Throws std::system_error with the file's name and the system's reason.
  explicit MappedFile(const std::filesystem::path& path);

  /// Every byte of the file; valid as long as a copy of this object lives.
  std::span<const std::byte> bytes() const { return {start_.get(), size_}; }

 private:
  [[noreturn]] static void fail(const std::string& what, const std::filesystem::path& path, int error) {
    throw std::system_error(error, std::generic_category(), what + ' ' + printable_path(path));
  }

  std::shared_ptr<const std::byte> start_;
  std::size_t size_ = 0;
};

#if __has_include(<sys/mman.h>) && !defined(__EMSCRIPTEN__)

/// By mmap.
inline MappedFile::MappedFile(const std::filesystem::path& path) {
  struct Descriptor {
    int number;
    ~Descriptor() { ::close(number); }
  };
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // a pipe is refused, not waited for
  if (file.number < 0) fail("cannot open", path, errno);
  struct stat status {};
  if (::fstat(file.number, &status) != 0) fail("cannot ask for the size of", path, errno);
  if (!S_ISREG(status.st_mode))
    fail("can only map a regular file, which this is not; give the file itself:", path, EINVAL);
  if (std::cmp_greater(status.st_size, PTRDIFF_MAX))
    fail("the addresses of this machine do not reach over", path, EFBIG);
  if (status.st_size == 0) return;  // mmap refuses an empty range
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
  if (start == MAP_FAILED) fail("cannot map", path, errno);
  start_ = {static_cast<const std::byte*>(start),
            [size](const std::byte* p) { ::munmap(const_cast<std::byte*>(p), size); }};
  size_ = size;
}

#else

/// Reads it whole.
inline MappedFile::MappedFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) fail("cannot open", path, errno);
  const auto size = static_cast<std::streamoff>(file.tellg());
  if (std::cmp_less(size, 0) || std::cmp_greater(size, PTRDIFF_MAX)) fail("cannot ask for the size of", path, EFBIG);
  const std::shared_ptr<std::byte[]> buffer(new std::byte[static_cast<std::size_t>(size)]);
  if (!file.seekg(0).read(reinterpret_cast<char*>(buffer.get()), static_cast<std::streamsize>(size)))
    fail("cannot read", path, EIO);
  start_ = {buffer, buffer.get()};
  size_ = static_cast<std::size_t>(size);
}

#endif

}  // namespace residual
