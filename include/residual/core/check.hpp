#pragma once

#include <sstream>
#include <stdexcept>

#include "residual/core/view.hpp"

namespace residual {

/// Throws std::invalid_argument with the sentence that the parts make when `ok` does not hold.
template <class... Parts>
void expect(bool ok, const Parts&... parts) {
  if (ok) return;
  std::ostringstream sentence;
  (sentence << ... << parts);
  throw std::invalid_argument(sentence.str());
}

/// Throws unless m is [rows x cols].
template <class M>
void expect_shape(const char* name, const M& m, Index rows, Index cols) {
  expect(m.rows() == rows && m.cols() == cols, name, " is [", m.rows(), " x ", m.cols(), "], but [", rows, " x ", cols,
         "] is needed: one row a token of the batch, one column a feature.");
}

}  // namespace residual
