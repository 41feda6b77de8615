// Where the compiler may reorder sums, e^x still rounds as it needs: softmax and its loss against std::exp.
// options: -O2
// options: -O2 -funsafe-math-optimizations
// options: -O3 -ffast-math -fno-finite-math-only
#include <cmath>
#include <cstdio>
#include <vector>

#include "residual/train/loss.hpp"

namespace {

using namespace residual;

/// Whether both are nearly the same number.
bool near(const char* what, double got, double expected, double tolerance) {
  const bool ok = std::abs(got - expected) <= tolerance * expected;
  if (!ok) std::printf("%s is %.9g, but %.9g is right.\n", what, got, expected);
  return ok;
}

/// The gradient of a row with the last class as its target is softmax(z), but for that class.
template <class S>
bool softmax_is_right() {
  const std::vector<double> row{0, -.3, -1.7, -6, -20, -40, -80};
  const auto classes = Index(row.size());
  Tokens<S> z(1, classes), p(1, classes);
  double total = 0;
  for (Index c = 0; c < classes; ++c) {
    z(0, c) = S(row[std::size_t(c)]);
    total += std::exp(double(z(0, c)));
  }
  const std::vector<int> last{int(classes) - 1};
  const S loss = cross_entropy(z, last, p);
  bool ok = near("The loss", double(loss), std::log(total) + 80, 1e-6);
  for (Index c = 0; c + 1 < classes; ++c) {
    ok = near("A probability", double(p(0, c)), std::exp(double(z(0, c))) / total, 1e-5) && ok;
  }
  return ok;
}

}  // namespace

int main() { return softmax_is_right<float>() && softmax_is_right<double>() ? 0 : 1; }
