#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace residual::detail {

/// Parts of a sentence about files that may hold any number of faults: shows the first ten and counts the others.
class Listed {
 public:
  /// Puts `separator` between two parts.
  explicit Listed(std::string separator = ", ") : separator_(std::move(separator)) {}

  /// Adds what make() returns, which is called only if it is shown.
  template <class Make>
  void add(Make&& make) {
    if (++count_ <= most) text_ += (count_ == 1 ? "" : separator_) + make();
  }
  /// Whether nothing was added.
  bool empty() const { return count_ == 0; }
  /// The parts, and "and N more" where there are more than ten; empty if there are none.
  std::string text() const {
    return count_ <= most ? text_ : text_ + separator_ + "and " + std::to_string(count_ - most) + " more";
  }

 private:
  static constexpr std::size_t most = 10;
  std::string separator_, text_;
  std::size_t count_ = 0;
};

}  // namespace residual::detail
