#pragma once

#include <algorithm>

#include "residual/core/check.hpp"

namespace residual {

/// Which keys a query sees by its place in the sequence: those from begin(place) to before end(place).
struct Reach {
  bool causal = false;  ///< no key behind the query
  Index window = 0;     ///< causal: no key `window` places or more before the query; 0: all before it
  /// In chunks of so many places, for streaming: a query sees its own chunk, all of it, and `window` places before it
  /// (0: all). What lies ahead does not add up over layers, so that a stream with a cache, a chunk a step, computes what
  /// the whole sequence would. 0: no chunks.
  Index chunk = 0;

  Index begin(Index place) const {
    if (window == 0) return 0;
    return std::max<Index>(chunk > 0 ? place / chunk * chunk - window : place + 1 - window, 0);
  }
  Index end(Index place, Index keys) const {
    if (chunk > 0) return std::min(keys, (place / chunk + 1) * chunk);
    return causal ? std::min(keys, place + 1) : keys;
  }
  /// The most of so many keys that a query sees.
  Index most(Index keys) const {
    return window == 0 || window >= keys ? keys : window + std::min(chunk, keys - window);
  }
  /// Whether no later token changes what has been computed, if steps end where chunks do.
  bool streams() const { return causal || chunk > 0; }
  void check(const char* who) const {
    expect(window >= 0 && chunk >= 0, who, ": window ", window, ", chunk ", chunk,
           ", but both must be 1 or more, or 0 for none.");
    expect(window == 0 || streams(), who, ": window is ", window,
           ", but a window needs .causal = true or chunks; it counts the keys up to the query.");
    expect(!(causal && chunk > 0), who, ": it is causal and in chunks of ", chunk,
           "; a query sees all of its chunk, or nothing behind itself, so leave one out.");
  }
  bool operator==(const Reach&) const = default;
};

}  // namespace residual
