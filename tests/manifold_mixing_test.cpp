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

/// SinkhornMixing as it is written, in numbers whose exponents reach far.
Tokens<long double> plain(const Tokens<long double>& l, Index iterations) {
  Tokens<long double> m = l.array().exp();
  for (Index i = 0; i < iterations; ++i) {
    m.array().rowwise() /= m.array().colwise().sum().eval();
    m.array().colwise() /= m.array().rowwise().sum().eval();
  }
  return m;
}
/// M and the gradient of <M, dM> are those of the plain iteration and its differences.
template <class S>
void expect_plain(const Tokens<long double>& logits, const SinkhornMixing& mixing, double tolerance) {
  const Index n = logits.rows();
  const Tokens<S> l = logits.cast<S>();
  const Tokens<long double> exact = l.template cast<long double>(), expected = plain(exact, mixing.iterations),
                            dm = random_tokens<double>(n, n, 8).cast<long double>();
  Tokens<S> a(n, 1 + n), dl(n, n), room(1, mixing.room(n));
  const MixMatrix<S> M{a.data(), n};
  mixing.mix(l.data(), M);
  for (Index p = 0; p < n; ++p) {
    for (Index q = 0; q < n; ++q) EXPECT_NEAR(double(M(p, q)), double(expected(p, q)), tolerance) << p << ", " << q;
  }
  for (Index p = 0; p < n; ++p) {
    for (Index q = 0; q < n; ++q) M(p, q) = S(dm(p, q));
  }
  mixing.pull(l.data(), M, dl.data(), room.data());
  for (Index p = 0; p < n; ++p) {
    for (Index q = 0; q < n; ++q) {
      const auto moved = [&](long double step) {
        Tokens<long double> other = exact;
        other(p, q) += step;
        return plain(other, mixing.iterations).cwiseProduct(dm).sum();
      };
      const long double h = 1e-6L, difference = (moved(h) - moved(-h)) / (2 * h);
      EXPECT_NEAR(double(dl(p, q)), double(difference), tolerance) << p << ", " << q;
    }
  }
}
TEST(Mixings, SinkhornHasNumbersWhereARowIsFarBelowTheOthers) {
  Tokens<long double> two(2, 2), three(3, 3), columns(2, 2);
  two << 110, 110, 0, 0;
  columns << 110, 0, 110, 0;
  three << 300, 299, 301, 0, 2, 1, -300, -301, -302;
  for (const auto& logits : {two, columns, three, (-three).eval()}) {
    for (const Index iterations : {1, 2, 20}) {
      expect_plain<float>(logits, {iterations}, 3e-4);
      expect_plain<double>(logits, {iterations}, 1e-10);
    }
  }
  float l[] = {110, 110, 0, 0}, a[6];
  const MixMatrix<float> M{a, 2};
  SinkhornMixing().mix(l, M);
  for (Index p = 0; p < 2; ++p) {
    for (Index q = 0; q < 2; ++q) EXPECT_FLOAT_EQ(M(p, q), 0.5F);
  }
}
TEST(Mixings, SinkhornOfOrdinaryLogitsIsThePlainIteration) {
  for (const Index n : {1, 2, 4, 7}) {
    const auto logits = random_tokens<double>(n, n, 9, 3).cast<long double>().eval();
    expect_plain<float>(logits, {}, 1e-5);
    expect_plain<double>(logits, {}, 1e-11);
  }
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
