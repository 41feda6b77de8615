#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>

#include "residual/core/check.hpp"
#include "residual/core/manifest.hpp"

namespace residual {

/// How gradient_check differentiates, and what it accepts; T is the scalar of the differences.
template <std::floating_point T>
struct GradientOptions {
  /// The largest relative error of a right gradient: 4e-12 in long double, 4e-10 in double.
  T tolerance = std::pow(std::numeric_limits<T>::epsilon(), T(0.6));
  /// h where |x| <= 1; elsewhere h grows with |x|.
  T step = std::pow(std::numeric_limits<T>::epsilon(), T(0.2));
  /// Of the directions of gradient_check_by_tensor.
  std::uint64_t seed = 1;
};

/// What gradient_check found: true when the gradient is right.
template <std::floating_point T>
struct GradientReport {
  T tolerance = 0;        ///< what the worst error may be
  T worst = 0;            ///< the largest relative error
  Index index = -1;       ///< the entry that has it, or where its tensor begins
  std::string name = {};  ///< that entry's name, as in layers.0.self_attn.in_proj_weight.k[2, 3]
  T expected = 0;         ///< what the differences say there
  T got = 0;              ///< what the gradient says there

  /// Whether no error is larger than the tolerance.
  explicit operator bool() const { return worst <= tolerance; }
  /// One sentence.
  std::string message() const {
    std::ostringstream s;
    s.precision(std::numeric_limits<T>::digits10);
    s << "The gradient " << (*this ? "agrees with" : "contradicts")
      << " the differences: its largest relative error is " << double(worst) << " (tolerance " << double(tolerance)
      << ")";
    if (index >= 0) s << ", in " << name << ", where " << expected << " is expected and " << got << " was given";
    return s.str() + ".";
  }
};

/// A function of a flat vector whose gradient can be checked.
template <class F, class T>
concept FlatFunction = std::floating_point<T> && requires(F& f, const Column<T>& x) {
  { f(x) } -> std::convertible_to<T>;
};

namespace numeric {

/// Of the largest tensor's scale: what a small tensor's error is measured against at least. The gradient of a key bias,
/// for example, is exactly 0, and only rounding stands there.
inline constexpr double floor = 0.01;

/// (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h = f'(0) + O(h^4).
template <class T, class F>
T derivative(F& f, T h) {
  return (T(8) * (f(h) - f(-h)) - (f(h + h) - f(-h - h))) / (T(12) * h);
}

/// Compares f'(0) with `got`. A kink between the points, or a large fifth derivative, spoils the difference for one h;
/// a wrong gradient contradicts it for every h. So the nearest of several h counts.
template <class T, class F>
void compare(GradientReport<T>& report, F&& f, T h, T got, T scale, Index index, const auto& name) {
  T expected = 0, error = std::numeric_limits<T>::infinity();
  for (int attempt = 0; attempt < 7 && !(error <= report.tolerance); ++attempt, h /= 4) {
    const T found = derivative(f, h), difference = std::abs(found - got);
    const T relative = difference == 0 ? T(0) : difference / scale;
    if (attempt == 0 || relative < error) expected = found;
    if (relative < error) error = relative;
  }
  if (report.index >= 0 && !(error > report.worst)) return;
  report.worst = error;
  report.index = index;
  report.name = name();
  report.expected = expected;
  report.got = got;
}

/// The power of two just below `step`: x + h then has no rounding where x has a few digits to spare.
template <class T>
T rounded_step(T step) {
  return std::exp2(std::floor(std::log2(step)));
}

/// `size(tensor)` of every tensor, at least `floor` times the largest.
template <class T, class Size>
Column<T> scales(const Manifest& names, Size&& size) {
  Column<T> scale(Index(names.size()));
  for (std::size_t t = 0; t < names.size(); ++t) {
    const T value = size(names[t]);
    scale[Index(t)] = std::isfinite(value) ? value : T(0);
  }
  return scale.cwiseMax(T(floor) * (scale.size() > 0 ? scale.maxCoeff() : T(0)));
}

/// Throws unless the names cover a vector of `size` entries and the gradient has as many. Without names all is "x".
inline Manifest checked(Manifest names, Index size, Index gradient_size) {
  expect(gradient_size == size, "gradient_check: the gradient has ", counted(gradient_size, "entry", "entries"),
         ", but x has ", size, "; give one derivative an entry.");
  if (names.empty()) names.push_back({"x", 0, size, 1, Layout::vector});
  Index covered = 0;
  for (const auto& tensor : names) {
    expect(tensor.offset == covered, "gradient_check: the tensor ", tensor.name, " begins at entry ", tensor.offset,
           ", but the one before it ends at ", covered, "; name all entries of x once, in order, or none.");
    covered += tensor.size();
  }
  expect(covered == size, "gradient_check: the names cover ", counted(covered, "entry", "entries"), ", but x has ",
         size, "; name all entries of x once, in order, or none.");
  return names;
}

/// The name of a tensor's entry i and its place in the part that it belongs to: layers.0.self_attn.in_proj_weight.k[3, 5]
inline std::string entry_name(const ManifestEntry& tensor, Index i) {
  std::string name = tensor.name;
  Index col = tensor.col(i);
  for (const TensorPart& part : tensor.parts) {
    if (part.name.empty() || col < part.begin || col >= part.begin + part.size) continue;
    (name += '.') += part.name;
    col -= part.begin;
    break;
  }
  const std::string row = tensor.layout == Layout::vector ? "" : std::to_string(tensor.row(i)) + ", ";
  return name + '[' + row + std::to_string(col) + ']';
}

}  // namespace numeric

/// Compares every entry of a gradient of f at x with a fourth-order central difference:
///
///     error_i = |gradient_i - (8 (f_i(h) - f_i(-h)) - (f_i(2h) - f_i(-2h))) / 12h| / scale,   f_i(t) = f(x + t e_i)
///     scale = max(max |gradient| in the entry's tensor, max |gradient| / 100)
///
/// f: a function of Column<T>, called four times an entry, and more often where the two disagree. T is the scalar of x
/// or, if given, of the options, best long double; the gradient's may be another. `names`: the manifest of x, such as
/// `theta.manifest()` for x = `theta.flat()`. Throws when sizes do not fit.
template <class X, class G, class T = typename X::Scalar, FlatFunction<T> F>
GradientReport<T> gradient_check(F&& f, const Eigen::MatrixBase<X>& x, const Eigen::MatrixBase<G>& gradient,
                                 const Manifest& names = {}, const GradientOptions<T>& options = {}) {
  const Manifest tensors = numeric::checked(names, x.size(), gradient.size());
  const Column<T> g = gradient.template cast<T>();
  const auto scale = numeric::scales<T>(tensors, [&](const ManifestEntry& tensor) {
    T most = 0;
    for (const T& entry : g.segment(tensor.offset, tensor.size())) {
      if (std::isfinite(entry)) most = std::max(most, std::abs(entry));
    }
    return most;
  });
  GradientReport<T> report{options.tolerance};
  Column<T> point = x.template cast<T>();
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    for (Index i = 0; i < tensors[t].size(); ++i) {
      const Index k = tensors[t].offset + i;
      const T center = point[k];
      const auto line = [&](T step) {
        point[k] = center + step;
        return T(f(std::as_const(point)));
      };
      const T h = numeric::rounded_step(options.step * std::max(T(1), std::abs(center)));
      numeric::compare<T>(report, line, h, g[k], scale[Index(t)], k,
                          [&] { return numeric::entry_name(tensors[t], i); });
      point[k] = center;
    }
  }
  return report;
}

/// Compares a gradient with one difference a tensor, along a random direction v of signs, instead of one an entry: for models with
/// millions of parameters. It names the wrong tensor, but not the entry.
///
///     error = |<gradient, v> - d/dt f(x + t v)| / scale,  scale = max(|gradient of the tensor|, largest of these / 100)
template <class X, class G, class T = typename X::Scalar, FlatFunction<T> F>
GradientReport<T> gradient_check_by_tensor(F&& f, const Eigen::MatrixBase<X>& x, const Eigen::MatrixBase<G>& gradient,
                                           const Manifest& names = {}, const GradientOptions<T>& options = {}) {
  const Manifest tensors = numeric::checked(names, x.size(), gradient.size());
  const Column<T> center = x.template cast<T>(), g = gradient.template cast<T>();
  const auto scale = numeric::scales<T>(
      tensors, [&](const ManifestEntry& tensor) { return g.segment(tensor.offset, tensor.size()).norm(); });
  GradientReport<T> report{options.tolerance};
  Column<T> point = center, v;
  std::mt19937_64 random(options.seed);
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    const Index begin = tensors[t].offset, size = tensors[t].size();
    if (size == 0) continue;
    v = Column<T>::NullaryExpr(size, [&](Index) { return random() % 2 == 0 ? T(1) : T(-1); });
    const auto line = [&](T step) {
      point.segment(begin, size) = center.segment(begin, size) + step * v;
      return T(f(std::as_const(point)));
    };
    const T h = numeric::rounded_step(options.step);
    numeric::compare<T>(report, line, h, g.segment(begin, size).dot(v), scale[Index(t)], begin,
                        [&] { return tensors[t].name; });
    point.segment(begin, size) = center.segment(begin, size);
  }
  return report;
}

}  // namespace residual
