#pragma once

#include <functional>

#include "residual/core/carver.hpp"
#include "residual/core/large_pages.hpp"
#include "residual/core/workspace.hpp"

namespace residual {

/// Memory for one tree of views at a time. It only grows, so a tree no larger than one before allocates nothing.
template <class S>
class Arena {
 public:
  /// Calls carve(carver) twice, to measure and to bind. What lay in the memory before is lost.
  template <class Carve>
  void bind(Carve&& carve) {
    Carver<S> measure(nullptr, cache_line<S>);
    carve(measure);
    if (measure.size() > memory_.size()) {
      memory_.resize(0);  // if the next line throws, nothing is held
      memory_.resize(measure.size());
      prefer_large_pages(memory_);
    }
    Carver<S> bind(memory_.data(), cache_line<S>);
    carve(bind);
  }

  /// Whether p points into it.
  bool holds(const S* p) const {
    const std::less<const S*> before;
    return memory_.size() > 0 && !before(p, memory_.data()) && before(p, memory_.data() + memory_.size());
  }
  /// Entries held.
  Index size() const { return memory_.size(); }
  /// Overwrites all of it: with NaN it shows who reads what nobody wrote.
  void fill(S value) { memory_.setConstant(value); }

 private:
  Column<S> memory_;
};

}  // namespace residual
