#pragma once

#include <gtest/gtest.h>

#include <string>

#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"

namespace test_support {

/// Every scheme in float and double: a test of this list holds for all of them, in encoder and decoder. A new scheme
/// stands here once.
using EveryScheme = testing::Types<residual::PostLN<float>, residual::PostLN<double>, residual::PreLN<float>,
                                   residual::PreLN<double>, residual::ResiDual<float>, residual::ResiDual<double>>;
using EveryScalar = testing::Types<float, double>;

/// Names the schemes in the names of typed tests.
struct SchemeName {
  template <class W>
  static std::string GetName(int) {
    return scheme(static_cast<W*>(nullptr)) + (sizeof(typename W::Scalar) == 4 ? "Float" : "Double");
  }

 private:
  template <class S>
  static std::string scheme(residual::PostLN<S>*) {
    return "PostLN";
  }
  template <class S>
  static std::string scheme(residual::PreLN<S>*) {
    return "PreLN";
  }
  template <class S>
  static std::string scheme(residual::ResiDual<S>*) {
    return "ResiDual";
  }
};

}  // namespace test_support
