#pragma once

#include <bit>
#include <limits>

#include "residual/core/check.hpp"
#include "residual/core/start.hpp"
#include "residual/core/view.hpp"

namespace residual {

/// A row of StreamMix's `a` as the matrix M [n x n] with which a token's streams are mixed: h'_p gets M_pq h_q.
template <class T>
struct MixMatrix {
  T* row;
  Index n;
  T& operator()(Index p, Index q) const { return row[q * (1 + n) + 1 + p]; }
};

/// 1 / (1 + e^-x).
template <class S>
S logistic(const S& x) {
  using std::exp;
  return S(1) / (S(1) + exp(-x));
}

/// M = I.
///
/// It is one of the mixings, from which manifold-constrained hyper-connections take the matrix M of a token. They say how many
/// logits l they need, [rows x cols], how the logits' bias starts, and how l becomes M: mix(l, M), and pull(l, dM, dl, room), which
/// overwrites dl and may overwrite dM and `room` numbers of memory.
struct IdentityMixing {
  bool operator==(const IdentityMixing&) const = default;
  void check(Index) const {}
  template <class S>
  using Bias = RowView<S>;
  Index rows(Index) const { return 1; }
  Index cols(Index) const { return 0; }
  Index room(Index) const { return 0; }
  Start start() const { return starts::zeros(); }

  template <class S>
  void mix(const S*, MixMatrix<S> M) const {
    for (Index p = 0; p < M.n; ++p) {
      for (Index q = 0; q < M.n; ++q) M(p, q) = p == q ? S(1) : S(0);
    }
  }
  template <class S>
  void pull(const S*, MixMatrix<S>, S*, S*) const {}
};

/// M = K_1 x K_2 x .. x K_k (Kronecker's product) for n = 2^k streams, after KromHC (arXiv:2601.21579):
///
///     K_j = [[s_j, 1 - s_j], [1 - s_j, s_j]],   s_j = sigmoid(l_j)
///
/// so that M_pq is the product of s_j where the j-th highest bits of p and q agree, and 1 - s_j where they differ. Rows and columns
/// of M sum to 1.
struct KroneckerMixing {
  bool operator==(const KroneckerMixing&) const = default;
  void check(Index n) const {
    expect(n >= 2 && std::has_single_bit(std::size_t(n)), "KroneckerMixing: n is ", n,
           ", but the number of streams must be a power of 2, and 2 or more.");
  }
  template <class S>
  using Bias = RowView<S>;
  Index rows(Index) const { return 1; }
  Index cols(Index n) const { return Index(std::bit_width(std::size_t(n))) - 1; }
  Index room(Index) const { return 0; }
  /// s = 0.9997: near I.
  Start start() const { return starts::at(8); }

  template <class S>
  void mix(const S* l, MixMatrix<S> M) const {
    const Index k = cols(M.n);
    for (Index x = 0; x < M.n; ++x) {
      S product = S(1);
      for (Index j = 0; j < k; ++j) product *= share(l[j], differs(x, j, k));
      for (Index p = 0; p < M.n; ++p) M(p, p ^ x) = product;
    }
  }
  template <class S>
  void pull(const S* l, MixMatrix<S> dM, S* dl, S*) const {
    const Index k = cols(dM.n);
    for (Index j = 0; j < k; ++j) dl[j] = S(0);
    for (Index x = 0; x < dM.n; ++x) {
      S d = S(0);
      for (Index p = 0; p < dM.n; ++p) d += dM(p, p ^ x);
      for (Index j = 0; j < k; ++j) {
        S slope = share(l[j], false) * share(l[j], true) * (differs(x, j, k) ? S(-1) : S(1));
        for (Index i = 0; i < k; ++i) slope *= i == j ? S(1) : share(l[i], differs(x, i, k));
        dl[j] += d * slope;
      }
    }
  }

 private:
  static bool differs(Index x, Index j, Index k) { return (x >> (k - 1 - j) & 1) != 0; }
  /// s or 1 - s.
  template <class S>
  static S share(const S& l, bool other) {
    return logistic(other ? S(-l) : l);
  }
};

/// The iteration of Sinkhorn and Knopp 1967, as in arXiv:2512.24880: M = exp(l), l [n x n] row by row; then, `iterations` times, its
/// columns are divided by their sums and then its rows. Rows of M sum to 1, columns nearly. Its gradient is that of the iteration.
struct SinkhornMixing {
  Index iterations = 20;
  bool operator==(const SinkhornMixing&) const = default;
  void check(Index n) const {
    expect(iterations > 0, "SinkhornMixing: iterations is ", iterations, ", but it must be 1 or more, for example 20.");
    const double numbers = 2 * double(iterations) * double(n) * (double(n) + 2);
    expect(numbers < double(std::numeric_limits<Index>::max() >> 24), "SinkhornMixing: iterations is ", iterations,
           " for ", n,
           " streams, but backward keeps every step and no memory holds so many; give fewer, for example 20.");
  }
  template <class S>
  using Bias = TokensView<S>;
  Index rows(Index n) const { return n; }
  Index cols(Index n) const { return n; }
  /// For M and its sums behind each step.
  Index room(Index n) const { return 2 * iterations * step_size(n); }
  /// 8 on the diagonal, else 0: near I.
  Start start() const {
    return {[](Index row, Index col, double) { return row == col ? 8.0 : 0.0; }};
  }

  template <class S>
  void mix(const S* l, MixMatrix<S> M) const {
    begin(l, M, [](Index, Index, const S&) {});
    for (Index step = 2; step < 2 * iterations; ++step) divide(M, step, [](Index, const S&) {});
  }
  template <class S>
  void pull(const S* l, MixMatrix<S> dM, S* dl, S* room) const {
    using std::exp;
    const Index n = dM.n, count = 2 * iterations;
    /// M behind a step, and the sums by which it was divided there.
    const auto M = [&](Index step) { return MixMatrix<S>{room + step * step_size(n), n}; };
    const auto sums = [&](Index step) { return M(step).row + n * (1 + n); };
    begin(l, M(1), [&](Index p, Index q, const S& logarithm) { M(0)(p, q) = exp(logarithm); });
    for (Index step = 2; step < count; ++step) {
      for (Index p = 0; p < n; ++p) {
        for (Index q = 0; q < n; ++q) M(step)(p, q) = M(step - 1)(p, q);
      }
      divide(M(step), step, [&](Index i, const S& sum) { sums(step)[i] = sum; });
    }
    for (Index step = count - 1; step > 0; --step) {
      const auto m = M(step);
      for (Index i = 0; i < n; ++i) {
        S mean = S(0);  // for y = x / sum x: dx = (dy - <dy, y>) / sum x, d log x = (dy - <dy, y>) y
        for (Index j = 0; j < n; ++j) mean += at(dM, step, i, j) * at(m, step, i, j);
        for (Index j = 0; j < n; ++j) {
          S& d = at(dM, step, i, j);
          d = step == 1 ? (d - mean) * at(m, 1, i, j) : (d - mean) / sums(step)[i];
        }
      }
    }
    for (Index q = 0; q < n; ++q) {  // for y = x - log sum e^x: dx = dy - e^y sum dy
      S total = S(0);
      for (Index p = 0; p < n; ++p) total += dM(p, q);
      for (Index p = 0; p < n; ++p) dl[p * n + q] = dM(p, q) - total * M(0)(p, q);
    }
  }

 private:
  static Index step_size(Index n) { return n * (1 + n) + n; }
  /// Entry j of column i at even steps, of row i at odd ones.
  template <class S>
  static S& at(MixMatrix<S> M, Index step, Index i, Index j) {
    return step % 2 == 0 ? M(j, i) : M(i, j);
  }
  /// The highest of n values.
  template <class Value>
  static auto highest(Index n, Value&& value) {
    auto most = value(Index(0));
    for (Index i = 1; i < n; ++i) most = value(i) > most ? value(i) : most;
    return most;
  }
  /// Steps 0 and 1. What step 0 gives stays in logarithms, which it tells, since beside other rows a whole row may be too small
  /// for S. Behind step 1 no sum is less than 1 / n.
  template <class S, class Tell>
  static void begin(const S* l, MixMatrix<S> M, Tell&& tell) {
    using std::exp;
    using std::log;
    const Index n = M.n;
    for (Index q = 0; q < n; ++q) {
      const S most = highest(n, [&](Index p) { return l[p * n + q]; });
      S sum = S(0);
      for (Index p = 0; p < n; ++p) sum += exp(l[p * n + q] - most);
      const S log_sum = log(sum);
      for (Index p = 0; p < n; ++p) tell(p, q, M(p, q) = l[p * n + q] - most - log_sum);
    }
    for (Index p = 0; p < n; ++p) {
      const S most = highest(n, [&](Index q) { return M(p, q); });
      for (Index q = 0; q < n; ++q) M(p, q) = exp(M(p, q) - most);
    }
    divide(M, 1, [](Index, const S&) {});
  }
  /// Divides the columns or rows by their sums, and tells them.
  template <class S, class Tell>
  static void divide(MixMatrix<S> M, Index step, Tell&& tell) {
    for (Index i = 0; i < M.n; ++i) {
      S sum = S(0);
      for (Index j = 0; j < M.n; ++j) sum += at(M, step, i, j);
      for (Index j = 0; j < M.n; ++j) at(M, step, i, j) /= sum;
      tell(i, sum);
    }
  }
};

}  // namespace residual
