// The mixings of manifold-constrained hyper-connections: what they keep, and where they begin.
// group: schemes
#include "residual/wiring/manifold_mixings.hpp"

#include <gtest/gtest.h>

#include "support/randomise.hpp"

namespace {

using namespace residual;
using test_support::random_tokens;

/// M of random logits.
template <class Mixing>
Tokens<double> mixed(const Mixing& mixing, Index n) {
  Tokens<double> logits = random_tokens<double>(1, mixing.rows(n) * mixing.cols(n), 5, 2), a(n, 1 + n), m(n, n);
  const MixMatrix<double> M{a.data(), n};
  mixing.mix(logits.data(), M);
  for (Index p = 0; p < n; ++p) {
    for (Index q = 0; q < n; ++q) m(p, q) = M(p, q);
  }
  return m;
}
TEST(Mixings, KeepTheSumOfTheStreams) {
  const auto expect_stochastic = [](const Tokens<double>& m, double rows, double cols) {
    EXPECT_GE(m.minCoeff(), 0);
    EXPECT_LE((m.rowwise().sum().array() - 1).abs().maxCoeff(), rows);
    EXPECT_LE((m.colwise().sum().array() - 1).abs().maxCoeff(), cols);
  };
  for (const Index n : {1, 2, 3, 4, 8}) {
    SCOPED_TRACE(n);
    expect_stochastic(mixed(IdentityMixing(), n), 0, 0);
    expect_stochastic(mixed(SinkhornMixing{200}, n), 1e-14, 1e-9);
    if (n % 2 == 0) expect_stochastic(mixed(KroneckerMixing(), n), 1e-14, 1e-14);
  }
  const Tokens<double> once = mixed(SinkhornMixing{1}, 4);
  expect_stochastic(once, 1e-14, 4);
  EXPECT_GT((once.colwise().sum().array() - 1).abs().maxCoeff(), 1e-3) << "one step is not enough for the columns";
}

/// At the start phi is 0, so that all tokens have the same numbers, and M is near I.
TEST(ManifoldHyperConnections, StartNearTheIdentity) {
  const auto near_identity = [](const auto& mixing) {
    const Index n = 4, rows = mixing.rows(n), cols = mixing.cols(n);
    Tokens<double> logits(rows, cols), a(n, 1 + n);
    const Start start = mixing.start();
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < cols; ++j) logits(i, j) = start.entry(i, j, start.value);
    }
    const MixMatrix<double> M{a.data(), n};
    mixing.mix(logits.data(), M);
    for (Index p = 0; p < n; ++p) {
      for (Index q = 0; q < n; ++q) EXPECT_NEAR(M(p, q), p == q ? 1 : 0, 1.01e-3);
    }
  };
  near_identity(SinkhornMixing());
  near_identity(KroneckerMixing());
}

}  // namespace
