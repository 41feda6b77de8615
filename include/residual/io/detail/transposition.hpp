#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "residual/io/detail/convert.hpp"
#include "residual/kernel/simd.hpp"

namespace residual::detail {

/// Bytes of a cache line.
inline constexpr std::size_t cache_line = 64;

#ifdef __SSE2__
/// Copies one aligned cache line past the caches.
inline void stream_line(const std::byte* from, std::byte* to) {
#ifdef __AVX512F__
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_load_si512(from));
#else
  for (std::size_t i = 0; i < cache_line; i += sizeof(__m128i)) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + i), _mm_load_si128(reinterpret_cast<const __m128i*>(from + i)));
  }
#endif
}
#endif

/// Copies past the caches where the target can and whole lines are to be copied: a cache would first fetch each line that
/// is written.
inline void write_past_caches(const void* from, void* to, std::size_t bytes) {
#ifdef __SSE2__
  if (reinterpret_cast<std::uintptr_t>(to) % cache_line == 0 && bytes % cache_line == 0) {
    const auto *source = static_cast<const std::byte*>(from), *end = source + bytes;
    for (auto* target = static_cast<std::byte*>(to); source != end; source += cache_line, target += cache_line) {
      stream_line(source, target);
    }
    return;
  }
#endif
  std::memcpy(to, from, bytes);
}

/// Makes what was written past the caches visible to other threads.
inline void finish_writing_past_caches() {
#ifdef __SSE2__
  _mm_sfence();
#endif
}

/// Transposes matrices of elements of type From, as they lie in a file, to rows of S, in tiles whose every row is a line
/// of the file's memory and whose every column two lines of ours.
template <class From, class S>
class Transposition {
 public:
  /// Writes the transpose of the [out x in] elements at `from` to `to`, [in x out] with rows `stride` apart, each rounded
  /// to S.
  void operator()(const std::byte* from, Index out, Index in, S* to, Index stride) {
    const Index first_output = up_to_line(to, outputs), first_input = up_to_line(from, inputs);
    for (Index o = 0, rows; o < out; o += rows) {
      rows = std::min(o == 0 ? first_output : outputs, out - o);
      for (Index i = 0, cols; i < in; i += cols) {
        cols = std::min(i == 0 ? first_input : inputs, in - i);
        const std::byte* const corner = from + (o * in + i) * Index(sizeof(From));
        for (Index r = 0; r < rows; r += lanes) {
          turn(corner + r * in * Index(sizeof(From)), std::min(lanes, rows - r), cols, in, i + 3 * inputs <= in,
               turned_ + r);
        }
        for (Index c = 0; c < cols; ++c) {
          write_past_caches(turned_ + c * outputs, to + (i + c) * stride + o, std::size_t(rows) * sizeof(S));
        }
      }
    }
    finish_writing_past_caches();
  }

 private:
  static constexpr Index lanes = Pack<S>::lanes;
  static constexpr Index outputs = std::max(Index(2 * cache_line / sizeof(S)), lanes);
  static constexpr Index inputs = std::max(Index(cache_line / sizeof(From)), lanes);

  /// The size of the first tile, such that all others begin where a line of memory begins.
  template <class T>
  static Index up_to_line(const T* memory, Index size) {
    using Element = std::conditional_t<std::is_same_v<T, std::byte>, From, T>;
    const auto misplaced = reinterpret_cast<std::uintptr_t>(memory) % cache_line / sizeof(Element);
    return misplaced == 0 ? size : Index(cache_line / sizeof(Element) - misplaced);
  }

  /// Writes the transpose of some rows of a tile, which are read in place where their memory is that of whole squares of
  /// S. `fetch`: asks for the tile after the next meanwhile.
  void turn(const std::byte* from, Index rows, Index cols, Index in, bool fetch, S* to) {
    const auto row = [&](Index r) { return from + r * in * Index(sizeof(From)); };
    if (fetch) {
      for (Index r = 0; r < rows; ++r) prefetch(row(r) + 2 * inputs * Index(sizeof(From)));
    }
    if constexpr (std::is_same_v<From, S>) {
      const bool aligned = reinterpret_cast<std::uintptr_t>(from) % alignof(S) == 0;
      if (aligned && rows == lanes && cols == inputs) return turn(reinterpret_cast<const S*>(from), in, to);
    }
    for (Index r = 0; r < rows; ++r) convert<From>(row(r), rows_ + r * inputs, std::size_t(cols));
    turn(rows_, inputs, to);
  }
  static void turn(const S* from, Index stride, S* to) {
    for (Index c = 0; c < inputs; c += lanes)
      transpose_block(from + c, stride, lanes, lanes, to + c * outputs, outputs);
  }

  alignas(cache_line) S rows_[std::size_t(lanes * inputs)] = {};
  alignas(cache_line) S turned_[std::size_t(outputs * inputs)] = {};
};

}  // namespace residual::detail
