#pragma once

#include <Eigen/Core>
#include <cstdio>
#include <cstdlib>

namespace residual::detail {

/// What vectors of this file hold and what its memory is aligned to: floats, and bytes in the lower half.
inline constexpr unsigned target_of(unsigned floats, unsigned bytes) { return floats << 16 | bytes; }

/// Of the file whose version of this function the linker has kept, for the whole program.
inline unsigned kept_target() { return target_of(Eigen::internal::packet_traits<float>::size, EIGEN_MAX_ALIGN_BYTES); }

/// Two files of one program that are compiled for different vectors hold different versions of the same inline functions, of
/// which the linker keeps either: memory is then aligned by one version and freed by the other. Each file makes one of
/// these objects with its own target; where that is not the kept one, the program ends with a sentence.
class OneTarget {
 public:
  /// Ends the program unless kept() is the file's own target.
  OneTarget(unsigned own, unsigned (*kept)()) {
    unsigned (*volatile call)() = kept;  // volatile, so that the compiler cannot put this file's version in its place
    const unsigned other = call();
    if (own == other) return;
    std::fprintf(
        stderr,
        "residual: one file of this program is compiled for vectors of %u floats and memory aligned to %u bytes, "
        "another one for %u and %u; compile all files that use the library with the same -march.\n",
        own >> 16, own & 0xffff, other >> 16, other & 0xffff);
    std::_Exit(EXIT_FAILURE);
  }
};

/// This file's own, before all objects that use the library where the system can order them.
#ifdef __ELF__
[[gnu::init_priority(101)]]
#endif
[[maybe_unused]] static const OneTarget one_target(target_of(Eigen::internal::packet_traits<float>::size,
                                                             EIGEN_MAX_ALIGN_BYTES),
                                                   kept_target);

}  // namespace residual::detail
