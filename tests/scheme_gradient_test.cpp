// Every scheme's gradient in encoders and decoders of random shape against long double differences: all parameters, x
// and memory. RESIDUAL_GRADIENT_CASES=1000 checks that many models of each scheme instead of 10. Every fifth is
// checked entry by entry, the others along one random direction a tensor.
// ctest: --gtest_filter=*.Encoder
// ctest: --gtest_filter=*.Decoder
// labels: long
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/gradient_problem.hpp"
#include "support/random_sizes.hpp"
#include "support/schemes.hpp"
#include "support/stacks.hpp"

namespace {

using namespace residual;
using test_support::Differences;
using test_support::Random;

/// Models of one scheme, encoders and decoders together.
std::uint64_t cases() {
  const char* count = std::getenv("RESIDUAL_GRADIENT_CASES");
  return count == nullptr ? 10 : std::strtoull(count, nullptr, 10);
}

/// Models number first, first + 2, ... of each scheme: encoders or decoders, make(scheme, sizes).
template <class Make>
void check_models(std::uint64_t first, bool with_memory, const Make& make) {
  const auto& schemes = test_support::every_scheme<double>();
  for (std::size_t scheme = 0; scheme < schemes.size(); ++scheme) {
    for (std::uint64_t number = first; number < cases(); number += 2) {
      Random random(number);
      Sizes sizes = test_support::random_sizes(random);
      sizes.recompute = random.one_of({Recompute::nothing, Recompute::sublayers, Recompute::blocks});
      SCOPED_TRACE(schemes[scheme].name + " " + std::to_string(number) + ": " + test_support::text(sizes));
      const auto scene = test_support::random_scene(random, sizes.dim, with_memory);
      const Random options(random.bits());
      const auto model = [&]<class S>(S) {
        return make(test_support::every_scheme<S>()[scheme].random(options, sizes.dim), sizes);
      };
      const bool thorough = number / 2 % 5 == 0;
      const auto differences = thorough ? Differences::by_entry : Differences::by_tensor;
      const auto report = test_support::check_gradient(model, scene, random, 1e-11L, differences);
      EXPECT_TRUE(report) << report.message();
      if (thorough) continue;
      const auto precise =
          test_support::check_gradient<long double>(model, scene, random, schemes[scheme].precision, differences);
      EXPECT_TRUE(precise) << precise.message();
    }
  }
}

TEST(SchemeGradient, Encoder) {
  check_models(0, false, [](const auto& scheme, const Sizes& sizes) { return encoder(scheme, sizes); });
}
TEST(SchemeGradient, Decoder) {
  check_models(1, true, [](const auto& scheme, const Sizes& sizes) { return decoder(scheme, sizes); });
}

}  // namespace
