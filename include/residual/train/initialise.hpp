#pragma once

#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/parameters.hpp"
#include "residual/core/part.hpp"
#include "residual/train/random.hpp"

namespace residual {

/// How numbers are drawn: all `size`, uniform in (-size, size), or normal with mean 0 and deviation `size`.
struct Draw {
  /// The distributions.
  enum Kind { constant, uniform, normal };
  Kind kind;    ///< the distribution
  double size;  ///< the number, the bound or the deviation

  /// Draws one number.
  double operator()(Random& random) const {
    return kind == constant ? size : size * (kind == uniform ? random.symmetric() : random.normal());
  }
};

/// Glorot and Bengio 2010, as torch.nn.Transformer draws its matrices (in_proj is one of [3d, d]):
///
///     W ~ U(-b, b),  b = sqrt(6 / (fan_in + fan_out));   embeddings ~ N(0, 1/d);   biases 0
struct Xavier {
  /// How the numbers of a part are drawn.
  Draw operator()(const Part& part) const {
    if (part.role() == Role::weight) return {Draw::uniform, std::sqrt(6.0 / double(part.fan_in + part.whole_fan_out))};
    if (part.role() == Role::embedding) return {Draw::normal, 1 / std::sqrt(double(part.tensor.cols))};
    return {Draw::constant, 0};
  }
};

/// fairseq's, with which the ResiDual paper trained:
///
///     W_q, W_k, W_v ~ U(-b, b),  b = sqrt(6 / 2d) / sqrt 2,  each as a matrix [d, d] of its own
///     their biases, and all other linear maps but out_proj, ~ U(-c, c),  c = 1 / sqrt(fan_in);   the rest as Xavier
struct Fairseq {
  /// How the numbers of a part are drawn.
  Draw operator()(const Part& part) const {
    if (part.role() == Role::embedding || part.projection == Projection::output) return Xavier()(part);
    const bool attention = part.projection == Projection::query || part.projection == Projection::key ||
                           part.projection == Projection::value;
    if (part.role() == Role::bias || !attention) return {Draw::uniform, 1 / std::sqrt(double(part.fan_in))};
    return {Draw::uniform, std::sqrt(3.0 / double(part.fan_in + part.fan_out))};
  }
};

/// GPT-2's and BERT's: weights and embeddings ~ N(0, deviation^2), biases 0.
struct Normal {
  double deviation = 0.02;  ///< of weights and embeddings
  /// How the numbers of a part are drawn.
  Draw operator()(const Part& part) const {
    if (part.role() == Role::bias) return {Draw::constant, 0};
    return {Draw::normal, deviation};
  }
};

/// torch.nn.Linear's own, and the PEFT library's for the A of LoRA:
///
///     weights and biases ~ U(-c, c),  c = 1 / sqrt(fan_in);   embeddings ~ N(0, 1)
struct FanIn {
  /// How the numbers of a part are drawn.
  Draw operator()(const Part& part) const {
    if (part.role() == Role::embedding) return {Draw::normal, 1};
    return {Draw::uniform, 1 / std::sqrt(double(part.fan_in))};
  }
};

/// Every gain 1.
struct NoGain {
  /// The gain of a part.
  double operator()(const Part&) const { return 1; }
};

namespace detail {

/// Calls visit(k, value) with each entry of a tensor that begins with a Start.
template <class Visit>
void each_start(const ManifestEntry& tensor, Visit&& visit) {
  if (tensor.role != Role::own) return;
  const Start& start = tensor.start;
  for (Index k = 0; k < tensor.size(); ++k) visit(k, start.entry(tensor.row(k), tensor.col(k), start.value));
}

}  // namespace detail

/// Fills theta: weights, biases and embeddings with numbers drawn as rule(part) says, times gain(part); everything else
/// with the Start under which it is listed, such as 1 for a norm's gain. Any callables `Draw(const Part&)` and
/// `double(const Part&)` will do; a rule of your own may ask Xavier about the rest.
///
/// The numbers of a tensor depend on the seed and the tensor's place in the manifest, not on machine or compiler; every
/// scalar type gets the same, rounded to it. Throws, with nothing written, when a number, gain or start could be none of the
/// scalar's. Rule and gain are asked once about each part.
template <class M, class Rule = Xavier, class Gain = NoGain>
  requires std::is_invocable_r_v<Draw, const Rule&, const Part&> &&
      std::is_invocable_r_v<double, const Gain&, const Part&>
void initialise(Parameters<M>& theta, std::uint64_t seed, const Rule& rule = {}, const Gain& gain = {}) {
  using S = typename M::Scalar;
  const Manifest manifest = theta.manifest();
  std::vector<std::pair<Draw, double>> draws;  // and gains, of all parts in turn
  for (const ManifestEntry& tensor : manifest) {
    for (const TensorPart& columns : tensor.parts) {
      const Part part(tensor, columns);
      const auto& [draw, factor] = draws.emplace_back(Draw(rule(part)), double(gain(part)));
      expect_known("initialise: the kind of a Draw", draw.kind, Draw::normal, "Draw::uniform");
      const double furthest = draw.size * (draw.kind == Draw::normal ? Random::furthest_normal : 1);
      expect(is_finite(S(furthest * factor)), "initialise: ", tensor.name, " (columns ", part.begin, " to ",
             part.begin + part.cols - 1, ") would be drawn with size ", draw.size, " and gain ", factor,
             "; both, and all numbers drawn, must be finite as the model's scalars.");
    }
    detail::each_start(tensor, [&](Index k, double value) {
      expect(is_finite(S(value)), "initialise: entry ", k, " of ", tensor.name, " would begin as ", value,
             "; give it a Start whose entries are finite.");
    });
  }
  auto next = draws.begin();
  for (std::size_t i = 0; i < manifest.size(); ++i) {
    const ManifestEntry& tensor = manifest[i];
    S* const numbers = theta.data() + tensor.offset;
    Random random(seed, i);
    for (const TensorPart& part : tensor.parts) {
      const auto& [draw, factor] = *next++;
      for (Index row = 0; row < tensor.rows; ++row) {
        for (Index j = 0; j < part.size; ++j) numbers[row * tensor.cols + part.begin + j] = S(factor * draw(random));
      }
    }
    detail::each_start(tensor, [&](Index k, double value) { numbers[k] = S(value); });
  }
}

}  // namespace residual
