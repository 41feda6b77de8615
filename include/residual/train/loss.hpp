#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <initializer_list>
#include <limits>
#include <span>
#include <utility>

#include "residual/core/check.hpp"
#include "residual/kernel/exponential.hpp"
#include "residual/kernel/rows.hpp"

namespace residual {

/// weight (f(0) + f(1) + ...) over all rows, in an order that only their number decides, floats in double.
template <class S, class F>
S weighted_sum_over_rows(const Executor& executor, S weight, Index rows, Index cols, F&& f) {
  using Sum = Wider<S>;
  constexpr Index blocks = 64;
  std::array<Sum, std::size_t(blocks)> sums;
  sums.fill(Sum(0));
  parallel_ranges(executor, blocks, row_grain(rows * cols / blocks), [&](Index begin, Index end) {
    for (Index block = begin; block < end; ++block) {
      for (Index i = rows * block / blocks; i < rows * (block + 1) / blocks; ++i) {
        sums[std::size_t(block)] += Sum(f(i));
      }
    }
  });
  Sum total(0);
  for (const Sum& sum : sums) total += sum;
  return S(Sum(weight) * total);
}

/// Options of `cross_entropy`.
struct CrossEntropy {
  double label_smoothing = 0;  ///< e: the share of the probability that is spread over all classes
  int ignore_index = -100;     ///< rows with this target count for nothing
};

/// The loss of one row of logits z, and the sum of e^(z - max z); keep(c, n, p) sees these powers pack by pack.
template <class S, class Keep>
std::pair<S, S> cross_entropy_of_row(const S* z, Index classes, Index target, S e, Keep&& keep) {
  using std::log;
  constexpr S lowest = -std::numeric_limits<S>::infinity();
  Pack<S> most(lowest);
  each_pack<S>(classes, [&](Index c, auto n) { most = higher_of(most, Pack<S>::load(z + c, n, lowest)); });
  const S shift = highest(most), z_target = z[target] - shift;
  const auto shifted = [&](Index c, auto n, S rest) { return Pack<S>::load(z + c, n, rest) - Pack<S>(shift); };
  const S mean =
      e == S(0) ? S(0) : row_sum<S>(classes, [&](Index c, auto n) { return shifted(c, n, shift); }) / S(classes);
  const S total = row_sum<S>(classes, [&](Index c, auto n) {
    const auto p = exp(shifted(c, n, lowest));
    keep(c, n, p);
    return p;
  });
  return {log(total) - (S(1) - e) * z_target - e * mean, total};
}

/// The loss of one row, and in dz its gradient times `weight`. dz may be z's memory.
template <class S>
S cross_entropy_row(const S* z, Index classes, Index target, S e, S weight, S* dz) {
  const auto [loss, total] =
      cross_entropy_of_row(z, classes, target, e, [&](Index c, auto n, const Pack<S>& p) { p.store(dz + c, n); });
  const Pack<S> scale(weight / total), spread(weight * e / S(classes));
  each_pack<S>(classes, [&](Index c, auto n) { (Pack<S>::load(dz + c, n) * scale - spread).store(dz + c, n); });
  dz[target] -= weight * (S(1) - e);
  return loss;
}

/// How many rows count. Throws unless there is a target for each, a class or the one that is ignored, and the smoothing
/// is a share.
inline Index counted_targets(Index rows, Index classes, std::span<const int> targets, const CrossEntropy& options) {
  const auto [smoothing, ignored] = options;
  expect(smoothing >= 0 && smoothing <= 1, "cross_entropy: label_smoothing is ", smoothing,
         ", but it must be in 0 .. 1.");
  expect(Index(targets.size()) == rows, "cross_entropy: it was given ", counted(targets.size(), "target"), " for ",
         counted(rows, "row"), " of logits; give one a row.");
  Index counted = 0;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    if (targets[t] == ignored) continue;
    expect(targets[t] >= 0 && targets[t] < classes, "cross_entropy: the target of row ", t, " is ", targets[t],
           ", but the logits have ", classes, " classes; give a class from 0 on or ignore_index (", ignored, ").");
    ++counted;
  }
  return counted;
}

namespace detail {

/// The logits and the targets of cross_entropy.
template <class Logits, class Targets>
concept LogitsAndTargets =
    RowMajorMemory<Logits, typename Logits::Scalar> && std::convertible_to<const Targets&, std::span<const int>>;

/// What may stand behind them: dlogits, or the options.
template <class T, class S>
concept BehindTargets = std::convertible_to<T, Out<S>> || std::convertible_to<T, const CrossEntropy&>;

/// The matrices of mse.
template <class Y, class Target, class Dy>
concept MseArguments = RowMajorMemory<Y, typename Y::Scalar> &&
    std::convertible_to<const Target&, In<typename Y::Scalar>> && std::convertible_to<Dy, Out<typename Y::Scalar>>;

}  // namespace detail

/// Cross-entropy, PyTorch's CrossEntropyLoss with its mean, over the rows t of the logits z [tokens x classes] whose
/// target y_t is not ignored; n is their number, V that of the classes:
///
///     loss = (1/n) sum_t ((1 - e) (-log p_t[y_t]) + (e/V) sum_c (-log p_t[c])),      p_t = softmax(z_t)
///     dz_t = (p_t - (1 - e) onehot(y_t) - e/V) / n,   0 in ignored rows
///
/// dlogits is overwritten and may be the logits' own memory. When all rows are ignored, or there are none, loss and
/// gradient are 0 (PyTorch: NaN). An ignored row is not read. Throws when a shape, target or option does not fit.
template <class Logits>
  requires RowMajorMemory<Logits, typename Logits::Scalar>
typename Logits::Scalar cross_entropy(const Logits& logits, std::span<const int> targets,
                                      Out<typename Logits::Scalar> dlogits, const CrossEntropy& options = {},
                                      const Executor& executor = Serial::instance()) {
  using S = typename Logits::Scalar;
  const In<S> z = logits;
  const Index tokens = z.rows(), classes = z.cols();
  const auto [smoothing, ignored] = options;
  const Index counted = counted_targets(tokens, classes, targets, options);
  expect_shape("cross_entropy: dlogits", dlogits, tokens, classes, "the shape of the logits");
  const S weight = S(1) / S(std::max<Index>(counted, 1)), e = S(smoothing);
  return weighted_sum_over_rows<S>(executor, weight, tokens, classes, [&, skip = ignored](Index t) {
    const int target = targets[std::size_t(t)];
    S* dz = dlogits.row_data(t);
    if (target != skip) return cross_entropy_row<S>(z.row_data(t), classes, target, e, weight, dz);
    std::fill_n(dz, classes, S(0));
    return S(0);
  });
}

/// The loss alone, with the bits that it has beside its gradient: for text that nothing is learned from.
template <class Logits>
  requires RowMajorMemory<Logits, typename Logits::Scalar>
typename Logits::Scalar cross_entropy(const Logits& logits, std::span<const int> targets,
                                      const CrossEntropy& options = {}, const Executor& executor = Serial::instance()) {
  using S = typename Logits::Scalar;
  const In<S> z = logits;
  const Index counted = counted_targets(z.rows(), z.cols(), targets, options);
  const S weight = S(1) / S(std::max<Index>(counted, 1)), e = S(options.label_smoothing);
  return weighted_sum_over_rows<S>(executor, weight, z.rows(), z.cols(), [&](Index t) {
    const int target = targets[std::size_t(t)];
    if (target == options.ignore_index) return S(0);
    return cross_entropy_of_row(z.row_data(t), z.cols(), target, e, [](Index, auto, const Pack<S>&) {}).first;
  });
}

/// Takes the targets written out: cross_entropy(logits, {3, 1, 2}, dlogits).
template <class Logits>
  requires RowMajorMemory<Logits, typename Logits::Scalar>
typename Logits::Scalar cross_entropy(const Logits& logits, std::initializer_list<int> targets,
                                      Out<typename Logits::Scalar> dlogits, const CrossEntropy& options = {},
                                      const Executor& executor = Serial::instance()) {
  return cross_entropy(logits, std::span<const int>(targets.begin(), targets.size()), dlogits, options, executor);
}
/// Takes the targets written out, for the loss alone: cross_entropy(logits, {3, 1, 2}).
template <class Logits>
  requires RowMajorMemory<Logits, typename Logits::Scalar>
typename Logits::Scalar cross_entropy(const Logits& logits, std::initializer_list<int> targets,
                                      const CrossEntropy& options = {}, const Executor& executor = Serial::instance()) {
  return cross_entropy(logits, std::span<const int>(targets.begin(), targets.size()), options, executor);
}
/// Says what cross_entropy takes, where it is given something else.
template <class Logits, class Targets, class Dlogits>
  requires(!detail::LogitsAndTargets<Logits, Targets> || !detail::BehindTargets<Dlogits, typename Logits::Scalar>)
double cross_entropy(const Logits&, const Targets&, Dlogits&&, const CrossEntropy& = {},
                     const Executor& = Serial::instance()) {
  static_assert(
      sizeof(Logits) == 0,
      "cross_entropy: logits and dlogits must be row-major and of one scalar: store others in a Tokens<float> "
      "first, and targets in a std::vector<int>.");
  return 0;
}
/// Says so of the loss alone.
template <class Logits, class Targets>
  requires(!detail::LogitsAndTargets<Logits, Targets>)
double cross_entropy(const Logits&, const Targets&, const CrossEntropy& = {}, const Executor& = Serial::instance()) {
  static_assert(sizeof(Logits) == 0,
                "cross_entropy: logits must be row-major: store others in a Tokens<float> first, and targets in a "
                "std::vector<int>.");
  return 0;
}

/// Mean squared error, PyTorch's MSELoss, over all n entries of y and target:
///
///     loss = (1/n) sum (y - target)^2,   dy = 2 (y - target) / n
///
/// dy is overwritten and may be y's own memory. Without entries the loss is 0 (PyTorch: NaN). Throws when the shapes
/// differ.
template <class Y>
  requires RowMajorMemory<Y, typename Y::Scalar>
typename Y::Scalar mse(const Y& y, In<typename Y::Scalar> target, Out<typename Y::Scalar> dy,
                       const Executor& executor = Serial::instance()) {
  using S = typename Y::Scalar;
  const In<S> from = y;
  const Index rows = from.rows(), cols = from.cols();
  expect_shape("mse: target", target, rows, cols, "the shape of y");
  expect_shape("mse: dy", dy, rows, cols, "the shape of y");
  const S weight = S(1) / S(std::max<Index>(rows * cols, 1));
  return weighted_sum_over_rows<S>(executor, weight, rows, cols, [&](Index i) {
    const S *yi = from.row_data(i), *ti = target.row_data(i);
    return row_sum<S>(cols, [&](Index j, auto n) {
      const auto error = Pack<S>::load(yi + j, n) - Pack<S>::load(ti + j, n);
      (Pack<S>(S(2) * weight) * error).store(dy.row_data(i) + j, n);
      return error * error;
    });
  });
}

/// Says what mse takes, where it is given something else.
template <class Y, class Target, class Dy, class... More>
  requires(!detail::MseArguments<Y, Target, Dy>)
double mse(const Y&, const Target&, Dy&&, const More&...) {
  static_assert(sizeof(Y) == 0,
                "mse: y, target and dy must be row-major and of one scalar; store others in a Tokens<float> first.");
  return 0;
}

}  // namespace residual
