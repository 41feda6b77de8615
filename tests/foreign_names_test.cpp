// The headers next to those of X11 and Windows, which define short words as macros.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <unsupported/Eigen/SpecialFunctions>
#if __has_include(<Eigen/ThreadPool>)
#include <Eigen/ThreadPool>
#else
#include <unsupported/Eigen/CXX11/ThreadPool>
#endif
#include <algorithm>
#include <array>
#include <atomic>
#include <bitset>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <numbers>
#include <numeric>
#include <optional>
#include <random>
#include <ranges>
#include <regex>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

// X11/X.h, X11/Xlib.h
#define None 0L
#define Always 2
#define Success 0
#define Complex 0
#define Nonconvex 1
#define Convex 2
#define Bool int
#define Status int
#define True 1
#define False 0
#define Above 0
#define Below 1
// windef.h, rpcndr.h, objbase.h
#define near
#define far
#define small char
#define hyper __int64
#define interface struct
#define IN
#define OUT
#define OPTIONAL
#define ERROR 0
#define CALLBACK
#define PASSTHROUGH 19

#include "residual/io/checkpoint.hpp"
#include "residual/io/load_parameters.hpp"
#include "residual/io/save_parameters.hpp"
#include "residual/numeric/gradient_check.hpp"
#include "residual/residual.hpp"

namespace {

using namespace residual;

TEST(ForeignNames, LeaveTheHeadersWhole) {
  const auto model = encoder(ResiDual<float>(8), {.dim = 8, .heads = 2, .hidden = 16, .depth = 1});
  Parameters theta(model);
  Tape tape(model);
  const Batch batch = Batch::of({3});
  const Tokens<float> x = Tokens<float>::Ones(3, 8);
  EXPECT_EQ(forward(model, theta, tape, batch, x).rows(), 3);
}

}  // namespace
