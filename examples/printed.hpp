#pragma once

#include <cstdio>
#include <stdexcept>

/// Throws unless all that the program has printed has arrived: a full disk, or a closed output, may keep it from that.
inline void expect_printed() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw std::runtime_error("Standard output cannot be written, so what should stand there is incomplete or missing.");
}
