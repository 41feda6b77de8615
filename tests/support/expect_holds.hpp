#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "residual/core/parameters.hpp"
#include "residual/io/safetensors.hpp"

namespace test_support {

/// theta holds the file's numbers under its own names, each weight the transpose of the file's.
template <class M>
void expect_holds(const residual::Parameters<M>& theta, const residual::SafeTensors& file,
                  const std::string& prefix = "") {
  using S = typename M::Scalar;
  for (const auto& entry : theta.manifest()) {
    std::vector<S> there(std::size_t(entry.size()));
    file.read<S>(file.at(prefix + entry.name), there, residual::Conversion::convert);
    const bool transposed = entry.layout == residual::Layout::transposed;
    for (residual::Index i = 0; i < entry.rows; ++i) {
      for (residual::Index j = 0; j < entry.cols; ++j) {
        const S here = theta.flat()[entry.offset + i * entry.cols + j];
        ASSERT_EQ(here, there[std::size_t(transposed ? j * entry.rows + i : i * entry.cols + j)]) << entry.name;
      }
    }
  }
}

}  // namespace test_support
