// Large vectors ask the system for large pages, and small ones and their surroundings do not.
// group: core
#include "residual/core/large_pages.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "residual/core/parameters.hpp"
#include "residual/layers/linear.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/plan.hpp"
#include "residual/wiring/pre_ln.hpp"

namespace {

using namespace residual;

/// Whether the system was asked for large pages where p points.
bool asked_for_large_pages(const void* p) {
  std::ifstream maps("/proc/self/smaps");
  const auto place = reinterpret_cast<std::uintptr_t>(p);
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream range(line);
    if (range >> std::hex >> begin >> dash >> end && dash == '-') here = begin <= place && place < end;
    if (here && line.starts_with("VmFlags:")) return line.find(" hg") != line.npos;
  }
  return false;
}
bool system_has_large_pages() { return std::filesystem::exists("/sys/kernel/mm/transparent_hugepage"); }

TEST(LargePages, OfLargeVectorsAlone) {
  if (!system_has_large_pages()) GTEST_SKIP() << "this system has none";
  constexpr Index mebibyte = (1 << 20) / sizeof(float);
  Column<float> large(8 * mebibyte), small(mebibyte);
  prefer_large_pages(large);
  prefer_large_pages(small);
  EXPECT_TRUE(asked_for_large_pages(large.data() + 4 * mebibyte));
  EXPECT_FALSE(asked_for_large_pages(small.data()));
  large.setOnes();
  EXPECT_EQ(large.sum(), float(large.size()));

  Column<float> none;
  prefer_large_pages(none);
}

TEST(LargePages, OfParametersAndPlans) {
  if (!system_has_large_pages()) GTEST_SKIP() << "this system has none";
  const auto model = encoder(PreLN<float>(512), {.dim = 512, .heads = 8, .hidden = 2048, .depth = 1});
  const Parameters theta(model);
  const Plan plan(theta);
  EXPECT_TRUE(asked_for_large_pages(theta.data() + theta.size() / 2));
  EXPECT_TRUE(asked_for_large_pages(std::get<1>(plan.parameters()->layers[0]).linear1.weight.panels));
  EXPECT_EQ(theta.flat().cwiseAbs().maxCoeff(), 0);
}

}  // namespace
